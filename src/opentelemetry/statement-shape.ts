import type { Attributes } from '@opentelemetry/api';
import type { DatabaseAddress, StatementTrace } from '../channels/index.ts';
import { firstWord, rememberTexts } from '../driver/index.ts';
import { addressAttributes } from './attributes.ts';
import { collectionOf } from './collection.ts';

/** What is the same for all statements of one text. */
export interface StatementShape {
  readonly kind: string;
  /** The name of its spans. */
  readonly name: string;
  /** To be copied, since what they are given to may keep and change them. */
  readonly attributes: Attributes;
}

/** By the databases that they are sent to, each of which is one object. */
const shapes = new WeakMap<DatabaseAddress, (text: string) => StatementShape>();

export function shapeOf({ address, text, kind }: StatementTrace): StatementShape {
  let remembered = shapes.get(address);
  if (remembered === undefined) {
    remembered = rememberTexts((each) => makeShape(address, each, firstWord(each)));
    shapes.set(address, remembered);
  }
  const shape = remembered(text);
  // A comment that the server executes is a part of the statement, and not of the text that is shown.
  return shape.kind === kind ? shape : makeShape(address, text, kind);
}

function makeShape(address: DatabaseAddress, text: string, kind: string): StatementShape {
  const collection = collectionOf(text);
  const attributes = addressAttributes(address);
  if (kind !== '') attributes['db.operation.name'] = kind;
  if (collection !== undefined) attributes['db.collection.name'] = collection;
  const words = [kind, collection ?? address.namespace].filter((word) => word !== undefined && word !== '');
  return { kind, name: words.join(' ') || address.system, attributes };
}
