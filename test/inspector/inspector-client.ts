import { onTestFinished } from 'vitest';
import type { Database } from '../../src/index.ts';
import { type Inspector, type InspectorOptions, startInspector } from '../../src/inspector/index.ts';
import type { ApiFailure, Snapshot } from '../../src/inspector/snapshot.ts';
import { type Answer, ask } from '../support/http-client.ts';
import { until } from '../support/settled.ts';

/** The page's part of the talk with an inspector. */
export interface Page {
  readonly port: number;
  readonly token: string;
  /** A request as the page sends it. */
  readonly get: (path: string, headers?: Record<string, string>) => Promise<Answer>;
  readonly snapshot: () => Promise<Snapshot>;
}

/** An inspector, and its page. */
export interface Open extends Page {
  readonly inspector: Inspector;
}

/** Starts one, which ends with the test. */
export async function openInspector({
  database,
  ...options
}: InspectorOptions & { readonly database: Database }): Promise<Open> {
  const inspector = await startInspector(database, { interval: 100, ...options });
  onTestFinished(() => inspector.close());
  return { inspector, ...pageAt(inspector.url) };
}

/** @param url as the inspector says it */
export function pageAt(url: string): Page {
  const { port, hash } = new URL(url);
  const token = hash.replace('#token=', '');
  const get = (path: string, headers: Record<string, string> = {}): Promise<Answer> =>
    ask(Number(port), 'GET', path, {
      host: `127.0.0.1:${port}`,
      authorization: `Bearer ${token}`,
      connection: 'close',
      ...headers,
    });
  const snapshot = async (): Promise<Snapshot> => {
    const { status, text } = await get('/api/snapshot');
    if (status !== 200) throw new Error(`${status}: ${text}`);
    return JSON.parse(text) as Snapshot;
  };
  return { port: Number(port), token, get, snapshot };
}

/** An action, as the page sends it. */
export function post({ port, token }: Page, path: string): Promise<Answer> {
  return ask(port, 'POST', path, {
    host: `127.0.0.1:${port}`,
    authorization: `Bearer ${token}`,
    connection: 'close',
  });
}

export function codeOf({ text }: Answer): string {
  return (JSON.parse(text) as ApiFailure).error.code;
}

/** Looks until something is there. */
export async function shown(page: Page, isThere: (now: Snapshot) => boolean): Promise<Snapshot> {
  let now = await page.snapshot();
  await until('it is shown', async () => isThere((now = await page.snapshot())));
  return now;
}

/** A stream, as a page reads it. */
export interface ReadStream {
  /** What has come so far. */
  readonly snapshots: readonly Snapshot[];
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;
  leave(): void;
}

export async function readStream({ port, token }: Page): Promise<ReadStream> {
  const snapshots: Snapshot[] = [];
  const leaving = new AbortController();
  const answer = await fetch(`http://127.0.0.1:${port}/api/stream`, {
    headers: { authorization: `Bearer ${token}` },
    signal: leaving.signal,
  });
  if (answer.status !== 200 || answer.body === null) throw new Error(`no stream: ${answer.status}`);
  const read = async (body: AsyncIterable<Uint8Array>): Promise<void> => {
    const decoder = new TextDecoder();
    let text = '';
    for await (const chunk of body) {
      text += decoder.decode(chunk, { stream: true });
      const events = text.split('\n\n');
      text = events.pop() ?? '';
      for (const event of events) {
        const data = /^event: snapshot\ndata: (.*)$/.exec(event)?.[1];
        if (data !== undefined) snapshots.push(JSON.parse(data) as Snapshot);
      }
    }
  };
  const ended = read(answer.body).catch(() => {});
  return { snapshots, ended, leave: () => leaving.abort() };
}
