export { orderByName, orderByPopularity, orderTopologically } from './order.js';
export { parseReferenceGraph } from './parse-graph.js';
export { popularityOf } from './popularity.js';
export { closureOf, createReferenceGraph } from './reference-graph.js';
export { createReferenceScanner, type ReferenceScanner } from './reference-scanner.js';
export { StoreError } from './store-error.js';
export type { ReferenceGraph, StoreItem } from './store-item.js';
export { hashPartOf, type StorePathName, splitNameAndVersion, storePathName } from './store-path.js';
