import type { ServerResponse } from 'node:http';
import type { ApiFailure } from '../snapshot.ts';
import type { Refusal } from './guard.ts';

/** Of every answer: nothing inline, nothing from elsewhere, in no frame, kept nowhere. */
const headers: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
};

export function send(response: ServerResponse, status: number, contentType: string, body: string | Uint8Array): void {
  begin(response, status, contentType);
  response.end(body);
}

export function sendJson(response: ServerResponse, body: object): void {
  send(response, 200, 'application/json; charset=utf-8', JSON.stringify(body));
}

export function sendRefusal(response: ServerResponse, { status, code, message }: Refusal): void {
  const failure: ApiFailure = { error: { code, message } };
  // What else comes on the connection is not looked at.
  response.setHeader('connection', 'close');
  if (status === 405) response.setHeader('allow', 'GET, POST');
  if (status === 401) response.setHeader('www-authenticate', 'Bearer');
  send(response, status, 'application/json; charset=utf-8', JSON.stringify(failure));
}

/** The head of an answer whose body follows. */
export function begin(response: ServerResponse, status: number, contentType: string): void {
  response.writeHead(status, { ...headers, 'content-type': contentType });
}
