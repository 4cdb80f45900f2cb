import type { ApiFailure, Snapshot } from '../../../index.ts';

/** An answer that says no. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** What the page asks of the process that it is shown by. */
export interface Api {
  get<Answer>(path: string): Promise<Answer>;
  post<Answer>(path: string): Promise<Answer>;
  /** Gives each snapshot as it comes; ends when the connection does. @throws ApiError */
  stream(signal: AbortSignal, onSnapshot: (snapshot: Snapshot) => void): Promise<void>;
}

const key = 'sluice-inspector-token';

/** The token out of the address, which does not keep it; or what was there before the page was loaded again. */
export function takeToken(): string {
  const found = /^#token=(.*)$/.exec(location.hash)?.[1];
  if (found !== undefined) {
    keepToken(decodeURIComponent(found));
    history.replaceState(undefined, '', location.pathname);
  }
  return sessionStorage.getItem(key) ?? '';
}

export function keepToken(token: string): void {
  sessionStorage.setItem(key, token);
}

/** @param token is asked for with each call */
export function createApi(token: () => string): Api {
  const request = async (method: string, path: string, signal?: AbortSignal): Promise<Response> => {
    const response = await fetch(`/api/${path}`, {
      method,
      headers: { authorization: `Bearer ${token()}` },
      cache: 'no-store',
      ...(signal && { signal }),
    });
    if (!response.ok) throw await failureOf(response);
    return response;
  };
  return {
    get: async (path) => await (await request('GET', path)).json(),
    post: async (path) => await (await request('POST', path)).json(),
    async stream(signal, onSnapshot) {
      const { body } = await request('GET', 'stream', signal);
      if (body !== null) await readEvents(body, onSnapshot);
    },
  };
}

async function failureOf(response: Response): Promise<ApiError> {
  const answer = (await response.json().catch(() => undefined)) as Partial<ApiFailure> | undefined;
  return new ApiError(response.status, answer?.error?.message ?? `the answer was ${response.status}`);
}

/** Reads the events of a stream; each is given before the next is read. */
async function readEvents(body: ReadableStream<Uint8Array>, onSnapshot: (snapshot: Snapshot) => void): Promise<void> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  let pieces: string[] = [];
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    // The end of an event may come in two pieces.
    const isCut = pieces.at(-1)?.endsWith('\n') === true && read.value.startsWith('\n');
    pieces.push(read.value);
    if (!isCut && !read.value.includes('\n\n')) continue;
    const events = pieces.join('').split('\n\n');
    pieces = [events.pop() ?? ''];
    for (const event of events) readEvent(event, onSnapshot);
  }
}

function readEvent(event: string, onSnapshot: (snapshot: Snapshot) => void): void {
  const lines = event.split('\n');
  if (!lines.includes('event: snapshot')) return;
  const data = lines.find((line) => line.startsWith('data:'));
  if (data !== undefined) onSnapshot(JSON.parse(data.slice('data:'.length)) as Snapshot);
}
