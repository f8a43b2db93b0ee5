// llhttp_peer.js - Node's HTTP server, which reads with llhttp, in strict mode: it tells of each request what it understood of it, in
// the field Seen, in the words of httpd_echo; what llhttp refuses ends with a 400 that has its code in the field Llhttp.
//
// Connections come over standard input: four bytes of length (the highest first), then all that the client sends before it closes
// its side. All that the client is sent goes to standard output in the same way, in the same order. First comes "READY" with the
// version of llhttp and the methods that it knows.
"use strict";
const http = require("http");
const { Duplex } = require("stream");

const BASIS = 0x811c9dc5, PRIME = 0x01000193;

function mix(digest, bytes) {
  for (const byte of bytes) digest = Math.imul(digest ^ byte, PRIME);
  return digest;
}

const hex = (digest) => (digest >>> 0).toString(16).padStart(8, "0");

function seen(request, response, body) {
  let fields = BASIS;
  const raw = request.rawHeaders;
  for (let i = 0; i < raw.length; i += 2) fields = mix(fields, Buffer.from(`${raw[i]}:${raw[i + 1]}\n`, "latin1"));
  const target = request.url.replace(/[^!-~]/g, (odd) => `<${odd.charCodeAt(0)}>`); // what no header may have, nor a target of ours
  const method = request.method ?? "QUERY"; // which Debian 13's Node takes, and has no name for
  return `${method} ${target} HTTP/${request.httpVersion} fields=${raw.length / 2}:${hex(fields)} ` +
    `body=${body.length}:${hex(mix(BASIS, body))} stay=${response.shouldKeepAlive ? 1 : 0}`;
}

function answer(request, response) {
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("end", () => {
    response.writeHead(200, { Seen: seen(request, response, Buffer.concat(pieces)), "Content-Length": 0 });
    response.end();
  });
}

// What was read before the refusal is answered first: those answers are under way.
function end(why, connection) {
  connection.refusal = why;
  setImmediate(() => connection.end());
}

const server = http.createServer({ insecureHTTPParser: false, requireHostHeader: false }, answer);
server.httpAllowHalfOpen = true;
server.headersTimeout = server.requestTimeout = server.timeout = server.keepAliveTimeout = 0;
server.on("checkContinue", (request, response) => {
  response.writeContinue();
  answer(request, response);
});
server.on("checkExpectation", answer);
server.on("clientError", (error, connection) => end(String(error.code), connection));
server.on("connect", (request, connection) => end("CONNECT", connection)); // else Node cuts it, answers and all

// The server's end of a connection whose client has sent all that it will.
class Connection extends Duplex {
  constructor(bytes, ended) {
    super();
    this.sent = [];
    this.refusal = "";
    this.once("close", () => ended(this));
    this.push(bytes);
    this.push(null);
  }
  _read() {}
  _write(piece, encoding, done) {
    this.sent.push(Buffer.from(piece, encoding === "buffer" ? undefined : encoding));
    done();
  }
}

const queue = [];
let held = Buffer.alloc(0), busy = false, over = false;

function write(bytes) {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  process.stdout.write(Buffer.concat([length, bytes]));
}

function next() {
  if (queue.length === 0) {
    busy = false;
    if (over) process.exit(0);
    return;
  }
  busy = true;
  server.emit("connection", new Connection(queue.shift(), (connection) => {
    const last = connection.refusal && `HTTP/1.1 400 Bad Request\r\nLlhttp: ${connection.refusal}\r\n\r\n`;
    write(Buffer.concat([...connection.sent, Buffer.from(last)]));
    setImmediate(next);
  }));
}

process.stdin.on("data", (piece) => {
  held = Buffer.concat([held, piece]);
  while (held.length >= 4 && held.length >= 4 + held.readUInt32BE(0)) {
    queue.push(held.subarray(4, 4 + held.readUInt32BE(0)));
    held = held.subarray(4 + held.readUInt32BE(0));
  }
  if (!busy) next();
});
process.stdin.on("end", () => {
  over = true;
  if (!busy) next();
});
write(Buffer.from(`READY ${process.versions.llhttp} ${http.METHODS.join(",")}`));
