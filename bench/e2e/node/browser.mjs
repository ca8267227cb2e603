// A headless browser of the smallest kind: it follows redirects by hand, keeps cookies as a browser would (per host
// name, never per port, and per path), and fills in and sends the first form of every page it meets. It has no
// JavaScript engine and enforces no CSP: those are left to the story that drives a real Chromium.

const MAX_HOPS = 30

/** Cookies of one browser profile: host name → name+path → cookie. */
class CookieJar {
  #cookies = new Map()

  store(url, response) {
    for (const line of response.headers.getSetCookie()) this.#set(url, line)
  }

  #set(url, line) {
    const [pair, ...attributes] = line.split(';').map(s => s.trim())
    const name = pair.slice(0, pair.indexOf('='))
    const given = Object.fromEntries(attributes.map(a => [a.split('=')[0].toLowerCase(), a.slice(a.indexOf('=') + 1)]))
    const path = given.path?.startsWith('/') ? given.path : url.pathname.replace(/\/[^/]*$/, '') || '/'
    const dead = given['max-age'] !== undefined ? Number(given['max-age']) <= 0
      : given.expires !== undefined && Date.parse(given.expires) <= Date.now()
    const jar = this.#cookies.get(url.hostname) ?? new Map()
    this.#cookies.set(url.hostname, jar)
    const key = `${name} ${path}`
    if (dead) jar.delete(key)
    else jar.set(key, { name, value: pair.slice(pair.indexOf('=') + 1), path, secure: 'secure' in given })
  }

  header(url) {
    const within = path => url.pathname === path || url.pathname.startsWith(path.endsWith('/') ? path : path + '/')
    const jar = [...(this.#cookies.get(url.hostname)?.values() ?? [])]
    return jar.filter(c => within(c.path) && (!c.secure || url.protocol === 'https:'))
      .sort((a, b) => b.path.length - a.path.length)
      .map(c => `${c.name}=${c.value}`).join('; ')
  }
}

const ENTITIES = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

function unescape(text) {
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (all, hex, dec, name) =>
    hex ? String.fromCodePoint(parseInt(hex, 16)) : dec ? String.fromCodePoint(Number(dec)) : ENTITIES[name] ?? all)
}

function attributes(tag) {
  const found = {}
  for (const [, name, double, single, bare] of tag.matchAll(/([\w-]+)(?:=(?:"([^"]*)"|'([^']*)'|([^\s>]+)))?/g)) {
    found[name.toLowerCase()] ??= unescape(double ?? single ?? bare ?? '')
  }
  return found
}

/** The first form of a page: where it goes, how, its fields, and the button that says yes. */
export function firstForm(html, base) {
  const form = html.match(/<form\b([^>]*)>([\s\S]*?)<\/form>/i)
  if (!form) return undefined
  const head = attributes(form[1])
  const fields = [...form[2].matchAll(/<input\b([^>]*)>/gi)].map(m => attributes(m[1])).filter(f => f.name)
  const buttons = [...form[2].matchAll(/<button\b([^>]*)>([\s\S]*?)<\/button>/gi)]
    .map(m => ({ ...attributes(m[1]), text: m[2] }))
    .concat(fields.filter(f => f.type === 'submit'))
  return {
    action: new URL(head.action || base.href, base),
    method: (head.method || 'get').toUpperCase(),
    fields: fields.filter(f => f.type !== 'submit'),
    button: buttons.find(b => /approve|allow|continue|confirm|accept|sign ?in|log ?in/i.test(`${b.value} ${b.text}`)) ?? buttons[0],
  }
}

function fill(form, user) {
  const body = new URLSearchParams()
  for (const field of form.fields) {
    if ((field.type === 'checkbox' || field.type === 'radio') && !('checked' in field)) continue
    const asked = /^(user(name)?|login|email)$/i.test(field.name) ? user : /^pass(word)?$/i.test(field.name) ? user : undefined
    body.append(field.name, asked ?? field.value ?? '')
  }
  if (form.button?.name) body.append(form.button.name, form.button.value ?? '')
  return body
}

/** One browser profile. A second login through the same profile meets the sessions the first one left behind. */
export class Browser {
  #jar = new CookieJar()
  /** Every page that was shown, as "host/path", oldest first. */
  pages = []
  user

  constructor(user = 'alice') {
    this.user = user
  }

  /**
   * Opens a URL and plays the user until the browser is sent to a URL that starts with `stop`, which is not fetched
   * but returned; without `stop` it ends at the first page that has no form, and returns that page's URL.
   */
  async drive(start, { stop } = {}) {
    let url = new URL(start), method = 'GET', body, from
    for (let hop = 0; hop < MAX_HOPS; hop++) {
      if (stop && url.href.startsWith(stop)) return url
      const response = await this.#send(url, method, body, from)
      this.#jar.store(url, response)
      const location = response.headers.get('location')
      if (location && response.status >= 300 && response.status < 400) {
        await response.body?.cancel()
        if (response.status !== 307 && response.status !== 308) [method, body] = ['GET', undefined]
        url = new URL(location, url)
        continue
      }
      const html = await response.text()
      this.pages.push(url.host + url.pathname)
      if (process.env.V) console.error('page', response.status, url.host + url.pathname)
      const form = firstForm(html, url)
      if (response.status >= 400 || !form) {
        if (response.status < 400 && !stop) return url
        throw new Error(`the login stops at ${url.origin}${url.pathname} with status ${response.status}: ${text(html)}`)
      }
      const filled = fill(form, this.user)
      from = url
      method = form.method
      if (method === 'POST') [url, body] = [form.action, filled]
      else [url, body] = [new URL(`${form.action.origin}${form.action.pathname}?${filled}`), undefined]
    }
    throw new Error(`the login does not end after ${MAX_HOPS} pages and redirects; pages: ${this.pages.join(' ')}`)
  }

  #send(url, method, body, from) {
    const headers = { accept: 'text/html', 'user-agent': 'Mozilla/5.0 (headless form filler)' }
    const cookies = this.#jar.header(url)
    if (cookies) headers.cookie = cookies
    if (method === 'POST') {
      headers['content-type'] = 'application/x-www-form-urlencoded'
      headers.origin = from.origin
    }
    if (from && from.origin === url.origin) headers.referer = from.href
    return fetch(url, { method, headers, body: body?.toString(), redirect: 'manual' })
  }
}

function text(html) {
  return html.replace(/<(style|script)[\s\S]*?<\/\1>/gi, ' ').replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ').trim().slice(0, 300)
}
