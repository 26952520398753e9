// What is said to etcd: of its protocol the messages and members that are used here, by the numbers they have on the wire.
// Names are our own; names of services and methods are etcd's. Enumerations are numbers.

import { create, createFileRegistry, type DescService, type FileRegistry } from "@bufbuild/protobuf";
import {
  type FieldDescriptorProto,
  FieldDescriptorProtoSchema,
  FileDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";

/** Number, type, and for what comes more than once or in place of others how. A type that is no scalar is a message here. */
type Member = readonly [number: number, type: string, how?: "repeated" | "choice"];

const messages: Readonly<Record<string, Readonly<Record<string, Member>>>> = {
  KeyValue: {
    key: [1, "bytes"],
    createRevision: [2, "int64"],
    modRevision: [3, "int64"],
    version: [4, "int64"],
    value: [5, "bytes"],
  },
  Header: {
    clusterId: [1, "uint64"],
    memberId: [2, "uint64"],
    revision: [3, "int64"],
    raftTerm: [4, "uint64"],
  },
  RangeRequest: {
    key: [1, "bytes"],
    rangeEnd: [2, "bytes"],
    limit: [3, "int64"],
    revision: [4, "int64"],
    sortOrder: [5, "int32"],
    sortTarget: [6, "int32"],
    keysOnly: [8, "bool"],
    countOnly: [9, "bool"],
    minModRevision: [10, "int64"],
  },
  RangeResponse: {
    header: [1, "Header"],
    kvs: [2, "KeyValue", "repeated"],
    more: [3, "bool"],
    count: [4, "int64"],
  },
  PutRequest: { key: [1, "bytes"], value: [2, "bytes"] },
  PutResponse: { header: [1, "Header"] },
  DeleteRequest: { key: [1, "bytes"], rangeEnd: [2, "bytes"], prevKv: [3, "bool"] },
  DeleteResponse: { header: [1, "Header"], deleted: [2, "int64"], prevKvs: [3, "KeyValue", "repeated"] },
  Request: {
    range: [1, "RangeRequest", "choice"],
    put: [2, "PutRequest", "choice"],
    deleteRange: [3, "DeleteRequest", "choice"],
  },
  Response: {
    range: [1, "RangeResponse", "choice"],
    put: [2, "PutResponse", "choice"],
    deleteRange: [3, "DeleteResponse", "choice"],
  },
  Compare: {
    result: [1, "int32"],
    target: [2, "int32"],
    key: [3, "bytes"],
    version: [4, "int64", "choice"],
    createRevision: [5, "int64", "choice"],
    modRevision: [6, "int64", "choice"],
  },
  TxnRequest: {
    compare: [1, "Compare", "repeated"],
    success: [2, "Request", "repeated"],
    failure: [3, "Request", "repeated"],
  },
  TxnResponse: { header: [1, "Header"], succeeded: [2, "bool"], responses: [3, "Response", "repeated"] },
  CompactRequest: { revision: [1, "int64"] },
  CompactResponse: { header: [1, "Header"] },
  WatchRequest: { creation: [1, "WatchCreate", "choice"] },
  WatchCreate: {
    key: [1, "bytes"],
    rangeEnd: [2, "bytes"],
    startRevision: [3, "int64"],
    filters: [5, "int32", "repeated"],
    fragment: [8, "bool"],
  },
  WatchResponse: {
    header: [1, "Header"],
    created: [3, "bool"],
    canceled: [4, "bool"],
    compactRevision: [5, "int64"],
    cancelReason: [6, "string"],
    fragment: [7, "bool"],
    events: [11, "Event", "repeated"],
  },
  Event: { type: [1, "int32"], kv: [2, "KeyValue"] },
  AlarmRequest: { action: [1, "int32"], memberId: [2, "uint64"], alarm: [3, "int32"] },
  AlarmResponse: { header: [1, "Header"], alarms: [2, "AlarmOfMember", "repeated"] },
  AlarmOfMember: { memberId: [1, "uint64"], alarm: [2, "int32"] },
  StatusRequest: {},
  StatusResponse: {
    header: [1, "Header"],
    version: [2, "string"],
    dbSize: [3, "int64"],
    leader: [4, "uint64"],
    errors: [8, "string", "repeated"],
    dbSizeInUse: [9, "int64"],
    dbSizeQuota: [12, "int64"],
  },
  AuthenticateRequest: { name: [1, "string"], password: [2, "string"] },
  AuthenticateResponse: { header: [1, "Header"], token: [2, "string"] },
};

/** Request and answer of each method. */
const services: Readonly<
  Record<string, Readonly<Record<string, readonly [request: string, answer: string]>>>
> = {
  KV: {
    Range: ["RangeRequest", "RangeResponse"],
    DeleteRange: ["DeleteRequest", "DeleteResponse"],
    Txn: ["TxnRequest", "TxnResponse"],
    Compact: ["CompactRequest", "CompactResponse"],
  },
  Watch: { Watch: ["WatchRequest", "WatchResponse"] },
  Maintenance: {
    Alarm: ["AlarmRequest", "AlarmResponse"],
    Status: ["StatusRequest", "StatusResponse"],
  },
  Auth: { Authenticate: ["AuthenticateRequest", "AuthenticateResponse"] },
};

/** Both sides go on talking. */
const streamingMethods = new Set(["Watch"]);

const scalarTypes: Readonly<Record<string, Type>> = {
  bytes: Type.BYTES,
  string: Type.STRING,
  bool: Type.BOOL,
  int32: Type.INT32,
  int64: Type.INT64,
  uint64: Type.UINT64,
};

const packageName = "etcdserverpb";

const registry = registryOf();

/** @param name such as `KV` */
export function serviceNamed(name: string): DescService {
  const service = registry.getService(`${packageName}.${name}`);
  if (service === undefined) throw new Error(`there is no service ${name}`);
  return service;
}

function registryOf(): FileRegistry {
  const file = create(FileDescriptorProtoSchema, {
    ...{ name: "treekeeper-etcd.proto", package: packageName, syntax: "proto3" },
    messageType: Object.entries(messages).map(([name, members]) => ({
      name,
      field: Object.entries(members).map(([member, facts]) => fieldOf(member, facts)),
      oneofDecl: hasChoice(members) ? [{ name: "choice" }] : [],
    })),
    service: Object.entries(services).map(([name, methods]) => ({
      name,
      method: Object.entries(methods).map(([method, [request, answer]]) => ({
        ...{ name: method, inputType: typeNamed(request), outputType: typeNamed(answer) },
        ...{ clientStreaming: streamingMethods.has(method), serverStreaming: streamingMethods.has(method) },
      })),
    })),
  });
  return createFileRegistry(file, () => undefined);
}

function fieldOf(name: string, [number, type, how]: Member): FieldDescriptorProto {
  const scalar = scalarTypes[type];
  return create(FieldDescriptorProtoSchema, {
    ...{ name, number, jsonName: name },
    label: how === "repeated" ? Label.REPEATED : Label.OPTIONAL,
    ...(scalar === undefined ? { type: Type.MESSAGE, typeName: typeNamed(type) } : { type: scalar }),
    ...(how === "choice" && { oneofIndex: 0 }),
  });
}

function hasChoice(members: Readonly<Record<string, Member>>): boolean {
  return Object.values(members).some(([, , how]) => how === "choice");
}

function typeNamed(message: string): string {
  return `.${packageName}.${message}`;
}
