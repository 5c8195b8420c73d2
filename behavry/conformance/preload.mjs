// Loaded into the suite's process with NODE_OPTIONS=--import: the suite has no option for headers, so every request
// to the one origin under test gets the bearer token here. The suite sends with fetch, undici and node:http.
import { subscribe } from "node:diagnostics_channel";
import http from "node:http";

const origin = process.env.CONFORMANCE_ORIGIN;
const token = process.env.CONFORMANCE_TOKEN;

function originOf(target) {
  if (typeof target === "string" || target instanceof URL) {
    return new URL(target).origin;
  }
  return new URL(`${target.protocol ?? "http:"}//${target.hostname ?? target.host}:${target.port ?? 80}`).origin;
}

if (origin && token) {
  // Published by the undici package and by the copy of it that is Node's own fetch.
  subscribe("undici:request:create", ({ request }) => {
    if (String(request.origin) === origin) {
      request.addHeader("authorization", `Bearer ${token}`);
    }
  });

  const send = http.request;
  http.request = function request(target, ...rest) {
    const sent = send.call(this, target, ...rest);
    if (originOf(target) === origin) {
      sent.setHeader("authorization", `Bearer ${token}`);
    }
    return sent;
  };
}
