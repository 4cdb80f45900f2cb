import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pageAsset } from '../../../src/inspector/index.ts';
import type { Snapshot } from '../../../src/inspector/index.ts';

/** What answers a request below /api. */
export type Answers = (method: string, path: string) => { readonly status: number; readonly body: unknown };

export interface FakeInspector {
  readonly url: string;
  /** Methods and paths of what was asked below /api, without the stream. */
  readonly asked: string[];
  /** Sends it to all pages, those that come later too. */
  show(snapshot: Snapshot): void;
  /** How many pages listen. */
  listeners(): number;
  /** Nothing listens any more, until `open`. */
  cut(): Promise<void>;
  open(): Promise<void>;
}

export const token = 'a-token-of-the-tests';
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Serves the page as an inspector does, with snapshots and answers that a test makes up. */
export async function startFakeInspector(answers: Answers): Promise<FakeInspector> {
  const streams = new Set<ServerResponse>();
  const asked: string[] = [];
  let last: string | undefined;
  let port = 0;
  const server = createServer((request, response) => void answer(request, response));

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, search } = new URL(request.url ?? '', 'http://localhost');
    if (!pathname.startsWith('/api/')) {
      const asset = await pageAsset(pathname);
      const headers = { 'content-type': asset?.contentType ?? 'text/plain', 'content-security-policy': policy };
      response.writeHead(asset === undefined ? 404 : 200, headers).end(asset?.body);
      return;
    }
    if (request.headers.authorization !== `Bearer ${token}`) return send(response, 401, failure('the token is wrong'));
    if (pathname !== '/api/stream') {
      asked.push(`${request.method} ${pathname}${search}`);
      const { status, body } = answers(request.method ?? '', `${pathname}${search}`);
      return send(response, status, body);
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    streams.add(response);
    response.on('close', () => streams.delete(response));
    if (last !== undefined) response.write(last);
  }

  const open = async (): Promise<void> => {
    await once(server.listen(port, '127.0.0.1'), 'listening');
    ({ port } = server.address() as AddressInfo);
  };
  await open();
  return {
    url: `http://127.0.0.1:${port}/#token=${token}`,
    asked,
    show(snapshot) {
      last = `event: snapshot\ndata: ${JSON.stringify(snapshot)}\n\n`;
      for (const stream of streams) stream.write(last);
    },
    listeners: () => streams.size,
    async cut() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
    open,
  };
}

export function failure(message: string): unknown {
  return { error: { code: 'REFUSED', message } };
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
