import { fieldOf, isError } from '../../../core/index.ts';

/** The SQLSTATE of an error; see appendix A of the PostgreSQL manual. */
export function codeOf(error: unknown): string {
  const code = fieldOf(error, 'code');
  return typeof code === 'string' ? code : '';
}

export function messageOf(error: unknown): string {
  const message = fieldOf(error, 'message');
  return typeof message === 'string' ? message : '';
}

/** Whether the server (or a pooler in front of it) has said it, and not the socket. */
export function isFromServer(error: unknown): boolean {
  return severityOf(error) !== undefined;
}

/**
 * Whether the server has refused a step and lives on. What a pooler says when it has lost its server tells nothing of what
 * became of the steps, and neither does a word in another language than English.
 */
export function isRefusal(error: unknown): boolean {
  return severityOf(error) === 'ERROR' && !/^(?:08|57P|58|XX)/.test(codeOf(error));
}

function severityOf(error: unknown): unknown {
  return isError(error) ? fieldOf(error, 'severity') : undefined;
}
