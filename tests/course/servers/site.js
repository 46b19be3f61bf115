// The site on Node's own HTTP: what it takes, and what it refuses, is not written by
// whoever wrote the checks. It is that of a chapter, 9 where none is named (from 18 on in
// HTTP/2), and with a choice behind that it makes use of one that the rules leave:
//
//     node tests/course/servers/site.js 127.0.0.1:8080 [CHAPTER [CHOICE]]

const fs = require('node:fs');
const http = require('node:http');
const http2 = require('node:http2');
const https = require('node:https');
const net = require('node:net');
const path = require('node:path');
const { Duplex } = require('node:stream');

const [, , address = '127.0.0.1:8080', chapter = '9', choice = ''] = process.argv;
const has = number => Number(chapter) >= number;
const isSealed = has(17) && !has(18);

const pages = fs.realpathSync(path.join(__dirname, '../../../pages'));
const guestbook = fs.readFileSync(path.join(pages, 'guestbook.html'), 'utf8');
const types = { html: 'text/html; charset=utf-8', css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8', svg: 'image/svg+xml' };
// As RFC 9110 has them.
const phrases = { ...http.STATUS_CODES, 413: 'Content Too Large', 422: 'Unprocessable Content' };
const entries = [];

const escape = text => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');

let stopping = false;

function send(request, response, status, body = '', fields = {}) {
  const isChunked = choice === 'chunked' && body;
  if (status !== 204 && status !== 304 && !isChunked) fields['Content-Length'] = Buffer.byteLength(body);
  if (stopping) fields.Connection = 'close';
  response.writeHead(status, body ? { 'Content-Type': types.html, ...fields } : fields);
  if (isChunked && request.method !== 'HEAD') response.write(body.slice(0, 5));
  response.end(request.method === 'HEAD' ? '' : isChunked ? body.slice(5) : body);
}

function page(request, response, status, fields) {
  if (choice === 'bare') return send(request, response, status, '', fields);
  const words = choice === 'json' ? JSON.stringify({ error: phrases[status] })
    : `<h1>${status} ${phrases[status]}</h1>`;
  const type = choice === 'json' ? { 'Content-Type': 'application/json' } : {};
  send(request, response, status, words, { ...type, ...fields });
}

function sendFile(request, response, target) {
  try {
    const name = target === '/' ? '/pages/index.html' : decodeURIComponent(target);
    const real = fs.realpathSync(path.join(pages, '..', name));
    if (!real.startsWith(pages + path.sep)) throw new Error('beside pages/');
    const type = types[path.extname(real).slice(1)] ?? 'application/octet-stream';
    const content = fs.readFileSync(real);
    if (!has(14)) return send(request, response, 200, content, { 'Content-Type': type });
    sendWanted(request, response, content, type, fs.statSync(real).mtimeMs);
  } catch (error) {
    page(request, response, 404);
  }
}

// Only what the client does not have (RFC 9110 sections 13 and 14).
function sendWanted(request, response, content, type, modified) {
  const seconds = Math.floor(modified / 1000);
  const tag = `"${content.length.toString(16)}-${seconds.toString(16)}"`;
  const keeps = { ETag: tag, 'Cache-Control': choice === 'max-age' ? 'max-age=0' : 'no-cache' };
  const fields = { 'Content-Type': type, 'Last-Modified': new Date(seconds * 1000).toUTCString(),
    'Accept-Ranges': 'bytes', ...keeps };
  const asked = request.headers;
  const tags = list => list.match(/(W\/)?"[^"]*"|\*/g) ?? [];
  const weak = one => one.replace(/^W\//, '');
  const date = name => {
    const given = request.rawHeaders.filter((one, at) => at % 2 === 0 && one.toLowerCase() === name);
    const text = asked[name] ?? '';
    const isDate = /^\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT$|^\w+day, \d\d-\w{3}-\d\d [\d:]{8} GMT$|^\w{3} \w{3} [ \d]\d [\d:]{8} \d{4}$/;
    if (given.length !== 1 || !isDate.test(text)) return NaN;
    const time = Date.parse(/GMT$/.test(text) ? text : `${text} GMT`) / 1000;
    const day = Number(/\b(\d{1,2})\b/.exec(text)[1]);
    if (new Date(time * 1000).getUTCDate() !== day) return NaN;
    const isOfTwoDigits = /-\d\d /.test(text);
    const year = Number(/-(\d\d) /.exec(text)?.[1]);
    // Two digits are a year that is at most fifty away.
    return isOfTwoDigits && year >= 50 && year < 77
      ? Date.parse(text.replace(/-(\d\d) /, '-20$1 ')) / 1000 : time;
  };
  if (asked['if-match']) {
    if (!tags(asked['if-match']).some(one => one === '*' || one === tag)) return page(request, response, 412);
  } else if (seconds > date('if-unmodified-since')) {
    return page(request, response, 412);
  }
  if (asked['if-none-match']
    ? tags(asked['if-none-match']).some(one => one === '*' || weak(one) === tag)
    : seconds <= date('if-modified-since')) return send(request, response, 304, '', keeps);
  const range = /^bytes=(\d*)-(\d*)$/.exec(asked.range ?? '');
  const condition = asked['if-range'];
  const fits = !condition || condition === tag || date('if-range') === seconds;
  if (request.method !== 'GET' || !range || !fits || range[1] + range[2] === ''
    || range[1] && range[2] && Number(range[1]) > Number(range[2])) {
    return send(request, response, 200, content, fields);
  }
  const all = content.length;
  const first = range[1] ? Number(range[1]) : Math.max(0, all - Number(range[2]));
  const last = range[1] && range[2] ? Math.min(Number(range[2]), all - 1) : all - 1;
  if (first >= all) return page(request, response, 416, { 'Content-Range': `bytes */${all}` });
  send(request, response, 206, content.subarray(first, last + 1),
    { ...fields, 'Content-Range': `bytes ${first}-${last}/${all}` });
}

// Numbers are made as the client takes them.
function sendNumbers(request, response, query) {
  const last = new URLSearchParams(query).get('to') ?? '';
  if (!/^\d{1,10}$/.test(last) || Number(last) > 1e9) return page(request, response, 400);
  response.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8', ...stopping && { Connection: 'close' } });
  if (request.method === 'HEAD') return response.end();
  let number = 1;
  const more = () => {
    while (number <= Number(last)) {
      let piece = '';
      while (number <= Number(last) && piece.length < 16384) piece += `${number++}\n`;
      if (!response.write(piece)) return response.once('drain', more);
    }
    response.end();
  };
  more();
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
  const place = choice === 'absolute' ? `http://${request.headers.host || 'localhost'}/guestbook` : '/guestbook';
  send(request, response, 303, choice === 'note' ? 'See /guestbook.' : '', { Location: place });
}

function answer(request, response, body) {
  const whole = /^([a-z][a-z0-9+.-]*):\/\/([^/?]*)(.*)$/i.exec(request.url);
  const hosts = has(18) ? [request.authority ?? '']
    : request.rawHeaders.filter((name, at) => at % 2 === 0 && /^host$/i.test(name));
  const isHost = host => /^[\w.~!$&'()*+,;=%-]*(:\d*)?$|^\[[\da-f:.]+\](:\d*)?$/i.test(host);
  const needed = request.httpVersion === '1.0' ? hosts.length : 1;
  if (hosts.length !== needed || hosts.length > 1 || !isHost(request.headers.host ?? '') ||
      whole && !(whole[2] && isHost(whole[2]))) return page(request, response, 400);
  if (whole && whole[1].toLowerCase() !== (isSealed ? 'https' : 'http')) return page(request, response, 421);
  // Node takes each byte for a character.
  const bytes = has(18) ? Buffer.from(request.url, 'latin1').toString() : request.url;
  const target = whole ? whole[3] || (request.method === 'OPTIONS' ? '*' : '/') : bytes;
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
  if (name === '/numbers' && has(11)) return sendNumbers(request, response, query);
  sendFile(request, response, name || '/');
}

function take(request, response) {
  const isForm = /^application\/x-www-form-urlencoded/i.test(request.headers['content-type'] ?? '');
  if (Number(request.headers['content-length']) > 1024 * 1024) {
    return page(request, response, 413, { Connection: 'close' });
  }
  const waits = /100-continue/i.test(request.headers.expect ?? '');
  if (waits && request.method === 'POST' && !isForm) return page(request, response, 415, { Connection: 'close' });
  if (waits && request.httpVersion !== '1.0') response.writeContinue();
  request.socket.current = { request, response };
  request.socket.unanswered = (request.socket.unanswered ?? 0) + 1;
  response.on('close', () => {
    request.socket.unanswered -= 1;
    request.socket.isOver ||= !response.shouldKeepAlive;
    request.socket.emit('answered');
  });
  if (request.httpVersion === '1.0' && request.headers['transfer-encoding']) {
    return page(request, response, 400, { Connection: 'close' });
  }
  const coding = request.headers['transfer-encoding']?.toLowerCase() ?? 'chunked';
  const pieces = [];
  let length = 0;
  request.on('data', piece => {
    length += piece.length;
    if (length <= 1024 * 1024) pieces.push(piece);
  });
  request.on('end', () => {
    if (coding !== 'chunked' || request.headers['transfer-encoding'] && !has(11)) {
      return page(request, response, /^chunked, *chunked$/.test(coding) ? 400 : 501, { Connection: 'close' });
    }
    if (length > 1024 * 1024) return page(request, response, 413, { Connection: 'close' });
    answer(request, response, Buffer.concat(pieces).toString());
  });
}

// In frames a request is whole, or the library has refused it.
function takeFrames(request, response) {
  const pieces = [];
  request.on('data', piece => pieces.push(piece));
  request.on('end', () => answer(request, response, Buffer.concat(pieces).toString()));
}

// The library says GOAWAY of an error, and leaves the connection open, which has to be
// closed then (RFC 9113 section 5.4.1).
function closingOnError(socket) {
  let sent = Buffer.alloc(0);
  const isOver = bytes => {
    sent = Buffer.concat([sent, bytes]);
    while (sent.length >= 17) {
      const length = sent.readUIntBE(0, 3);
      if (sent[3] === 7 && sent.readUInt32BE(13) !== 0) return true;
      if (sent.length < 9 + length) return false;
      sent = sent.subarray(9 + length);
    }
    while (sent.length >= 9 && sent.length >= 9 + sent.readUIntBE(0, 3)) {
      sent = sent.subarray(9 + sent.readUIntBE(0, 3));
    }
    return false;
  };
  const between = new Duplex({
    read: () => socket.resume(),
    write: (bytes, _, done) => {
      socket.write(bytes, done);
      if (isOver(bytes)) socket.end();
    },
    final: done => socket.end(done),
    destroy: (error, done) => {
      socket.destroy();
      done(error);
    },
  });
  socket.on('data', bytes => between.push(bytes) || socket.pause());
  socket.on('end', () => between.push(null));
  socket.on('error', () => between.destroy());
  socket.on('close', () => between.destroy());
  return between;
}

function createFrames() {
  const frames = http2.createServer(takeFrames);
  frames.on('sessionError', () => {});
  const options = { allowHalfOpen: true };
  return net.createServer(options, socket => frames.emit('connection', closingOnError(socket)));
}

const options = { requireHostHeader: false };
function create() {
  if (has(18)) return createFrames();
  return isSealed
    ? https.createServer({ ...options, pfx: fs.readFileSync(process.env.PFX) }, take)
    : http.createServer(options, take);
}
const server = create();
if (!has(18)) server.on('checkContinue', take);
// What Node cannot read it answers without a date.
if (!has(18)) server.on('clientError', (error, socket) => {
  const { request, response } = socket.current ?? {};
  if (request && !request.complete) {
    return response.headersSent ? socket.end() : page(request, response, 400, { Connection: 'close' });
  }
  if (socket.unanswered) return socket.once('answered', () => server.emit('clientError', error, socket));
  if (!socket.writable || socket.isOver) return;
  socket.end(`HTTP/1.1 400 Bad Request\r\nDate: ${new Date().toUTCString()}\r\n` +
    `Content-Type: ${types.html}\r\nConnection: close\r\n` +
    'Content-Length: 24\r\n\r\n<h1>400 Bad Request</h1>');
});
if (has(13)) {
  process.on('SIGTERM', () => {
    stopping = true;
    server.close(() => process.exit(0));
  });
}
const [, host, port] = /^(.*):(\d+)$/.exec(address);
server.listen(port, host, () => console.log(`Listening on port ${server.address().port}...`));
