// Loaded into the suite's process with NODE_OPTIONS=--import: the suite has no option for headers, so every request
// to the one origin under test gets the bearer token here, whichever of Node's fetch and undici it goes through.
import { subscribe } from "node:diagnostics_channel";

const origin = process.env.CONFORMANCE_ORIGIN;
const token = process.env.CONFORMANCE_TOKEN;

if (origin && token) {
  subscribe("undici:request:create", ({ request }) => {
    if (String(request.origin) === origin) {
      request.addHeader("authorization", `Bearer ${token}`);
    }
  });
}
