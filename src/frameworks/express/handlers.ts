import type { NextFunction, Request, Response } from 'express';

// Names of our own: those of Express have arguments from packages that a program need not be able to name.

/** What `sluice()` returns: a handler of requests, for `app.use`. */
export interface ContextHandler {
  (request: Request, response: Response, next: NextFunction): void;
}

/** What `problemHandler()` returns: a handler of errors, for `app.use`. */
export interface ProblemHandler {
  (error: unknown, request: Request, response: Response, next: NextFunction): void;
}
