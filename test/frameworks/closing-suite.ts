import { Agent, request } from 'node:http';
import { expect } from 'vitest';
import type { Database } from '../../src/index.ts';
import { until } from '../support/settled.ts';

/** Connections that are kept alive. */
export interface KeptAlive {
  ask(
    port: number,
    method: string,
    path: string,
    headers?: Record<string, string>,
  ): Promise<{ readonly status: number; readonly text: string }>;
  end(): void;
}

export function keptAlive(connections: number): KeptAlive {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  return {
    ask: (port, method, path, headers = {}) =>
      new Promise((resolve, reject) => {
        const sent = request({ port, host: '127.0.0.1', method, path, headers, agent }, (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
          response.once('end', () => resolve({ status: response.statusCode ?? 0, text }));
          response.once('error', reject);
        });
        sent.once('error', reject);
        sent.end();
      }),
    end: () => agent.destroy(),
  };
}

/** How a server is closed that has more clients than its pool has connections. */
interface Load {
  readonly database: Database<'default'>;
  readonly port: number;
  readonly products: () => Promise<readonly number[]>;
  /** Of a request for a product. */
  readonly path?: (id: number) => string;
}

/** Closes the database while clients send one request after the other, and looks at what they are told. */
export async function closesUnderLoad({
  database,
  port,
  products,
  path = (id) => `/orders/${id}`,
}: Load): Promise<void> {
  const clients = 12;
  const agent = keptAlive(clients);
  const answers = new Map<number, { readonly status: number; readonly text: string }>();
  let [next, isOver] = [1, false];
  const client = async (): Promise<void> => {
    while (!isOver) {
      const id = next;
      next += 1;
      answers.set(id, await agent.ask(port, 'POST', path(id)));
    }
  };
  const sending = Promise.all(Array.from({ length: clients }, client));
  await until(
    'requests wait for the pool',
    () => answers.size > clients && database.stats().clients.default.waiting > 0,
  );
  const firstAfter = next;
  await database.close({ timeout: 5_000 });
  isOver = true;
  await sending;
  agent.end();
  const served = [...answers].filter(([, { status }]) => status === 201).map(([id]) => id);
  const refused = [...answers].filter(([, { status }]) => status !== 201);
  expect(served.filter((id) => id >= firstAfter)).toEqual([]);
  expect(new Set(refused.map(([, { status }]) => status))).toEqual(new Set([503]));
  for (const [, { text }] of refused) expect(text).toContain('DATABASE_CLOSED');
  // What is answered is there, and nothing else.
  expect(await products()).toEqual(served.toSorted((one, other) => one - other));
}
