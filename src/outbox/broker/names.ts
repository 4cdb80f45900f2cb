import type { Check } from '../../core/index.ts';

const topicName = /^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/;
const groupName = /^[A-Za-z0-9_-]{1,64}$/;

/** A name that every broker takes as a subject, a routing key and a part of the name of a queue. */
export const aTopicName: Check = (value) =>
  typeof value === 'string' && value.length <= 100 && topicName.test(value)
    ? undefined
    : 'a name of at most 100 letters, digits, "_" and "-", with "." between its words';

/** The name of a group of consumers. */
export const aGroupName: Check = (value) =>
  typeof value === 'string' && groupName.test(value) ? undefined : 'a name of at most 64 letters, digits, "_" and "-"';
