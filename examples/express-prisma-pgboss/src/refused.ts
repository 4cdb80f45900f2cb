/** What a service does not do, as errors of HTTP say it: with a status, and a message for the client. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly status: number;
  readonly expose = true;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}
