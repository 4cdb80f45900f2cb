import { defineQueue } from 'sluice/queue';

/** Takes the money for an order. It leaves with the commit of the checkout. */
const payment = defineQueue<{ orderId: number }, void>('payment', { attempts: 5, concurrency: 4 });
/** Gives the money back. The cancellation waits for the amount. */
const refund = defineQueue<{ orderId: number }, number>('refund', { concurrency: 4 });

export const queues = { payment, refund };
