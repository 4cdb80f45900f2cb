export type { FailedRequest, ProblemHandlerOptions } from '../../http/index.ts';
export { problemHandler } from './problem-handler.ts';
export { contextOf, sluice } from './request-context.ts';
export { transaction } from './transaction.ts';
