// The record of a request of which nothing is known but that it came and was answered.
import { recordOf, type RequestRecord } from "../../../worker/learn.ts";

export function emptyRecord(): RequestRecord {
  return recordOf({
    requestId: "r",
    dialect: "chat",
    tenant: "t",
    key: "k",
    status: 200,
    failure: null,
    isStream: false,
    explained: null,
    rung: null,
    accounts: [],
    headersMs: 20,
    totalMs: 40,
  });
}
