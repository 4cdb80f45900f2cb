import { type CallHandler, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import type { Observable } from 'rxjs';
import { Requests } from './requests.ts';

/** Stands on each route with a transaction, so that an application without a `RequestModule` does not start. */
export class RouteCheck {
  static {
    Injectable()(this);
    Inject(Requests)(this, undefined, 0);
  }

  readonly requests: Requests;

  constructor(requests: Requests) {
    this.requests = requests;
  }

  /** Nest calls it for each request. */
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle();
  }
}
