// Chapter 9's site on Node's own HTTP: what it takes, and what it refuses, is not
// written by whoever wrote the checks.
//
//     node tests/course/servers/site.js 127.0.0.1:8080

const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');

const pages = fs.realpathSync(path.join(__dirname, '../../../pages'));
const guestbook = fs.readFileSync(path.join(pages, 'guestbook.html'), 'utf8');
const types = { html: 'text/html; charset=utf-8', css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8', svg: 'image/svg+xml' };
// As RFC 9110 has them.
const phrases = { ...http.STATUS_CODES, 413: 'Content Too Large', 422: 'Unprocessable Content' };
const entries = [];

const escape = text => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');

function send(request, response, status, body = '', fields = {}) {
  if (status !== 204) fields['Content-Length'] = Buffer.byteLength(body);
  response.writeHead(status, body ? { 'Content-Type': types.html, ...fields } : fields);
  response.end(request.method === 'HEAD' ? '' : body);
}

function page(request, response, status, fields) {
  send(request, response, status, `<h1>${status} ${phrases[status]}</h1>`, fields);
}

function sendFile(request, response, target) {
  try {
    const name = target === '/' ? '/pages/index.html' : decodeURIComponent(target);
    const real = fs.realpathSync(path.join(pages, '..', name));
    if (!real.startsWith(pages + path.sep)) throw new Error('beside pages/');
    const type = types[path.extname(real).slice(1)] ?? 'application/octet-stream';
    send(request, response, 200, fs.readFileSync(real), { 'Content-Type': type });
  } catch {
    page(request, response, 404);
  }
}

function showQuery(request, response, query) {
  const map = new Map();
  for (const [name, value] of new URLSearchParams(query)) {
    if (value) map.set(name, [...(map.get(name) ?? []), value]);
  }
  const shown = [...map].map(([name, values]) => `"${name}": ["${values.join('", "')}"]`);
  const text = escape(`{${shown.join(', ')}}`);
  send(request, response, 200, `<h1>Query Parameters</h1><pre>${text}</pre>`);
}

function showGuestbook(request, response) {
  const list = entries.map(([name, message]) => `<dt>${name}</dt>\n<dd>${message}</dd>\n`);
  const shown = `<dl>\n${list.join('')}</dl>`;
  const nobody = '<p>Nobody has written anything yet.</p>';
  const body = entries.length ? guestbook.replace(nobody, () => shown) : guestbook;
  send(request, response, 200, body);
}

function sign(request, response, body) {
  const type = (request.headers['content-type'] ?? '').split(';')[0].trim().toLowerCase();
  if (type !== 'application/x-www-form-urlencoded') return page(request, response, 415);
  const form = new URLSearchParams(body);
  const entry = [form.get('name') ?? '', form.get('message') ?? ''].map(text => text.trim());
  const length = [...entry.join('')].length;
  if (entry.includes('') || length > 1000) return page(request, response, 422);
  entries.unshift(entry.map(escape));
  entries.splice(100);
  send(request, response, 303, '', { Location: '/guestbook' });
}

function answer(request, response, body) {
  const address = /^([a-z][a-z0-9+.-]*):\/\/([^/?]*)(.*)$/i.exec(request.url);
  const hosts = request.rawHeaders.filter((name, at) => at % 2 === 0 && /^host$/i.test(name));
  const isHost = host => /^[\w.~!$&'()*+,;=%-]*(:\d*)?$|^\[[\da-f:.]+\](:\d*)?$/i.test(host);
  const needed = request.httpVersion === '1.0' ? hosts.length : 1;
  if (hosts.length !== needed || hosts.length > 1 || !isHost(request.headers.host ?? '') ||
      address && !(address[2] && isHost(address[2]))) return page(request, response, 400);
  if (address && address[1].toLowerCase() !== 'http') return page(request, response, 421);
  const target = address ? address[3] || (request.method === 'OPTIONS' ? '*' : '/') : request.url;
  const [name, query = ''] = target.split(/\?(.*)/s);
  const methods = name === '/guestbook' ? ['GET', 'HEAD', 'POST', 'OPTIONS'] : ['GET', 'HEAD', 'OPTIONS'];
  const allow = { Allow: methods.join(', ') };
  if (request.method === 'OPTIONS') return send(request, response, 204, '', allow);
  if (!methods.includes(request.method)) {
    const isKnown = ['POST', 'PUT', 'DELETE', 'TRACE', 'CONNECT'].includes(request.method);
    return isKnown ? page(request, response, 405, allow) : page(request, response, 501);
  }
  if (request.method === 'POST') return sign(request, response, body);
  if (name === '/hello') return send(request, response, 200, '<h1>Hello, User!</h1>');
  if (name === '/query') return showQuery(request, response, query);
  if (name === '/guestbook') return showGuestbook(request, response);
  sendFile(request, response, name || '/');
}

const server = http.createServer({ requireHostHeader: false }, (request, response) => {
  if (Number(request.headers['content-length']) > 1024 * 1024) {
    return page(request, response, 413, { Connection: 'close' });
  }
  const pieces = [];
  request.on('data', piece => pieces.push(piece));
  request.on('end', () => answer(request, response, Buffer.concat(pieces).toString()));
});
// What Node cannot read it answers without a date.
server.on('clientError', (error, socket) => {
  if (!socket.writable) return;
  socket.end(`HTTP/1.1 400 Bad Request\r\nDate: ${new Date().toUTCString()}\r\n` +
    `Content-Type: ${types.html}\r\nConnection: close\r\n` +
    'Content-Length: 24\r\n\r\n<h1>400 Bad Request</h1>');
});
const [, host, port] = /^(.*):(\d+)$/.exec(process.argv[2] ?? '127.0.0.1:8080');
server.listen(port, host, () => console.log(`Listening on port ${server.address().port}...`));
