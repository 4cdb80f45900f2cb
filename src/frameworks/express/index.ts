export type { FailedRequest, ProblemHandlerOptions } from '../../http/index.ts';
export type { ContextHandler, ProblemHandler } from './handlers.ts';
export { problemHandler } from './problem-handler.ts';
export { contextOf, sluice } from './request-context.ts';
export { transactional } from './transactional.ts';
