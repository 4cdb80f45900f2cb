import { type ArgumentsHost, Catch, HttpException, Logger } from '@nestjs/common';
import type { HttpAdapterHost } from '@nestjs/core';
import { type Observable, throwError } from 'rxjs';
import { httpStatusOf, ownStatusOf, problemOf } from '../../../http/index.ts';
import { type AnyRequest, rawOf } from './requests.ts';

/** An error for which there is a better status than 500: `instanceof` says so, which is how Nest finds the filter of an error. */
const errorWithStatus = {
  [Symbol.hasInstance](error: unknown): boolean {
    if (error instanceof HttpException || ownStatusOf(error) !== undefined) return false;
    return httpStatusOf(error) !== 500;
  },
};

/** Answers errors of Sluice, and of servers, with their status. All others are left to Nest and to other filters. */
export class ErrorFilter {
  static {
    Catch(errorWithStatus as never)(this);
  }

  readonly #host: HttpAdapterHost;
  readonly #logger = new Logger('Sluice');

  constructor(host: HttpAdapterHost) {
    this.#host = host;
  }

  /** Nest calls it with an error of a handler. */
  catch(error: unknown, host: ArgumentsHost): Observable<never> | void {
    const type = host.getType();
    if (type === 'rpc') {
      const { title, ...body } = problemOf(error).body;
      return throwError(() => ({ ...body, status: 'error', message: title }));
    }
    if (type !== 'http') throw error;
    const http = host.switchToHttp();
    const { status, headers, body } = problemOf(error, rawOf(http.getRequest<AnyRequest>()));
    if (status >= 500) this.#logger.error(error);
    const { httpAdapter } = this.#host;
    const response: unknown = http.getResponse();
    // It is too late, or the client is gone.
    if (httpAdapter.isHeadersSent(response) || status === 499) return void httpAdapter.end(response);
    for (const [name, value] of Object.entries(headers)) httpAdapter.setHeader(response, name, value);
    httpAdapter.reply(response, body, status);
  }
}
