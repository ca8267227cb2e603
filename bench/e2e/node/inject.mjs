// node inject.mjs BASE: a proxy that adds the bearer of the environment's TOKEN, for clients that have no way to. It
// replaces its own name by the server's and passes everything else on as it is: a foreign Host and Origin must arrive.
import http from 'node:http'
import { pipeline } from 'node:stream'

const target = new URL(process.argv[2])
const proxy = http.createServer((request, response) => {
  const headers = { ...request.headers }
  headers.host = headers.host.replace(`127.0.0.1:${proxy.address().port}`, target.host)
  headers.authorization ??= `Bearer ${process.env.TOKEN}`
  const onward = http.request({ host: target.hostname, port: target.port, path: request.url, method: request.method, headers }, answer => {
    response.writeHead(answer.statusCode, answer.headers)
    pipeline(answer, response, () => {}) // unlike pipe, it passes on that the answer was cut
  })
  onward.on('error', () => response.destroy())
  response.on('close', () => onward.destroy())
  request.pipe(onward)
})
proxy.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${proxy.address().port}`))
