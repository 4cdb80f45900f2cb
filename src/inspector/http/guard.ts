import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Why a request is refused, with its status. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

const longestUrl = 2_048;

/** Which requests may come in at all. */
export class Guard {
  readonly #digest: Buffer;
  readonly #hosts: ReadonlySet<string>;
  readonly #names: ReadonlySet<string>;

  /**
   * @param hosts as browsers send them: with the port, where it is not the usual one
   * @param allowed others; one without a port is allowed on any
   */
  constructor(token: string, hosts: readonly string[], allowed: readonly string[]) {
    this.#digest = digestOf(token);
    this.#hosts = new Set([...hosts, ...allowed].map((host) => host.toLowerCase()));
    this.#names = new Set(allowed.map((host) => host.toLowerCase()));
  }

  /** Of every request: a page of another host must not reach this one by a name that leads here. */
  refuses({ url = '', headers, method = '' }: IncomingMessage): Refusal | undefined {
    if (url.length > longestUrl) return refusal(414, 'URL_TOO_LONG', 'The URL is too long');
    if (!this.#isAllowed(headers.host ?? ''))
      return refusal(421, 'WRONG_HOST', 'The inspector has another name: see its option allowedHosts');
    const { origin } = headers;
    if (origin !== undefined && !this.#isOwn(origin))
      return refusal(403, 'WRONG_ORIGIN', 'Another page has sent the request');
    if (method !== 'GET' && method !== 'POST') return refusal(405, 'METHOD_NOT_ALLOWED', 'Only GET and POST are taken');
    const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
    return hasBody ? refusal(413, 'BODY_NOT_TAKEN', 'No request has a body') : undefined;
  }

  /** Of every request for what is not the page itself. The time that it takes tells nothing of the token. */
  hasToken({ headers }: IncomingMessage): boolean {
    const found = /^Bearer ([\x21-\x7e]{1,1024})$/.exec(headers.authorization ?? '')?.[1] ?? '';
    return timingSafeEqual(digestOf(found), this.#digest);
  }

  #isOwn(origin: string): boolean {
    const host = /^https?:\/\/([^/]+)$/.exec(origin)?.[1];
    return host !== undefined && this.#isAllowed(host);
  }

  #isAllowed(given: string): boolean {
    const host = given.toLowerCase();
    return this.#hosts.has(host) || this.#names.has(host.replace(/:\d{1,5}$/, ''));
  }
}

export function refusal(status: number, code: string, message: string): Refusal {
  return { status, code, message };
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
