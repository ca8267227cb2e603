// The second listener of a Node.js peer: what the comparison needs and no request pays for.
import { createServer } from 'node:http'

export function admin(address, prepare) {
  const [host, port] = address.split(':')
  createServer(async (req, res) => {
    const url = new URL(req.url, 'http://admin')
    if (url.pathname !== '/prepare') return res.end()
    const lines = await prepare(Number(url.searchParams.get('n')))
    res.end(lines.map((line) => line + '\n').join(''))
  }).listen(Number(port), host)
}

export function address(text) {
  const [host, port] = text.split(':')
  return { host, port: Number(port) }
}
