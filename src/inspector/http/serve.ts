import type { IncomingMessage, ServerResponse } from 'node:http';
import { reportBackgroundError } from '../../channels/index.ts';
import type { Observer } from '../observe/observer.ts';
import { pageAsset } from '../page/index.ts';
import { send, sendJson, sendRefusal } from './answer.ts';
import { type Guard, type Refusal, refusal } from './guard.ts';
import { Stream } from './stream.ts';
import { answerWork, type Desks, isWork } from './work-requests.ts';

/** Pages that may be open at once. */
const mostStreams = 20;

const notFound = refusal(404, 'NOT_FOUND', 'There is no such thing here');

/** Answers the requests of the page. */
export class Requests {
  readonly #guard: Guard;
  readonly #observer: Observer;
  readonly #desks: Desks;
  readonly #streams = new Set<Stream>();

  constructor(guard: Guard, observer: Observer, desks: Desks) {
    this.#guard = guard;
    this.#observer = observer;
    this.#desks = desks;
  }

  /** Never throws. */
  answer(request: IncomingMessage, response: ServerResponse): void {
    // What is not read is not kept either.
    request.resume();
    response.on('error', () => {});
    this.#answer(request, response).catch((error: unknown) => {
      reportBackgroundError({ source: 'inspector', error });
      if (response.headersSent) response.destroy();
      else sendRefusal(response, refusal(500, 'FAILED', 'The inspector has failed; see the log of its process'));
    });
  }

  endStreams(): void {
    for (const stream of this.#streams) stream.end();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refused = this.#guard.refuses(request);
    if (refused !== undefined) return sendRefusal(response, refused);
    const url = URL.parse(request.url ?? '', 'http://inspector');
    if (url === null) return sendRefusal(response, notFound);
    if (url.pathname.startsWith('/api/')) return await this.#answerApi(request, response, url);
    const asset = request.method === 'GET' ? await pageAsset(url.pathname) : undefined;
    if (asset === undefined) return sendRefusal(response, notFound);
    send(response, 200, asset.contentType, asset.body);
  }

  async #answerApi(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    if (!this.#guard.hasToken(request))
      return sendRefusal(response, refusal(401, 'NO_TOKEN', 'The request has not the token of the inspector'));
    const [, , kind, id, ...more] = url.pathname.split('/');
    if (isWork(kind)) return await this.#work(request, response, url);
    if (request.method !== 'GET' || more.length > 0) return sendRefusal(response, notFound);
    if (id === undefined && kind === 'snapshot') return await this.#snapshot(response);
    if (id === undefined && kind === 'stream') return this.#stream(response);
    if (id !== undefined && kind === 'transactions') return await this.#transaction(response, id);
    sendRefusal(response, notFound);
  }

  async #snapshot(response: ServerResponse): Promise<void> {
    const now = await this.#observer.now();
    sendJson(response, { ...now, points: this.#observer.pointsSince(0).points });
  }

  #stream(response: ServerResponse): void {
    if (this.#streams.size >= mostStreams)
      return sendRefusal(response, refusal(503, 'TOO_MANY_PAGES', `${mostStreams} pages are open already`));
    const stream = new Stream(response, this.#observer);
    this.#streams.add(stream);
    response.once('close', () => this.#streams.delete(stream));
  }

  async #work({ method = '' }: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const path = decoded(url.pathname.split('/').slice(2));
    const request = path === undefined ? undefined : { method, path, query: url.searchParams };
    const answer = request === undefined ? undefined : await answerWork(this.#desks, request);
    if (answer === undefined) return sendRefusal(response, notFound);
    if (isRefusal(answer)) return sendRefusal(response, answer);
    sendJson(response, answer);
  }

  async #transaction(response: ServerResponse, id: string): Promise<void> {
    const found = /^[\w-]{1,64}$/.test(id) ? await this.#observer.historyOf(id) : undefined;
    if (found === undefined) return sendRefusal(response, notFound);
    sendJson(response, found);
  }
}

function isRefusal(answer: object): answer is Refusal {
  // A saga has a status, too, in words.
  return 'status' in answer && typeof answer.status === 'number';
}

/** Nothing where a part cannot be read. */
function decoded(parts: readonly string[]): readonly string[] | undefined {
  try {
    return parts.map(decodeURIComponent);
  } catch {
    return undefined;
  }
}
