// POST /v1/tickets: what stands in the URL of a stream for who cannot send a header with it.

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { type Tickets, ticketMsMax } from "../../access/tickets.ts";
import { type Caller, callerOf } from "../wire/callers.ts";
import { json, problems } from "../wire/schemas.ts";

export function ticketRoutes(plainApp: FastifyInstance, tickets: Tickets<Caller>): void {
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();
  app.post("/v1/tickets", { schema: ticketSchema }, (request, reply) => {
    const ticket = tickets.give(callerOf(request));
    return reply.code(201).send({ ticket, validForMs: ticketMsMax });
  });
}

const ticketAnswer = Type.Object(
  {
    ticket: Type.String({ description: "Shown this once." }),
    validForMs: Type.Integer({ description: "How long it is good." }),
  },
  { title: "Ticket" },
);

const ticketSchema = {
  operationId: "createTicket",
  summary: "A ticket to open one stream with, where no header can be sent",
  description:
    "For an EventSource: send it as `ticket` in the query of a stream. It stands for whoever asked for it, is good once, for " +
    "half a minute, and at the server that gave it. The stream ends with the token it was asked for with.",
  tags: ["access"],
  response: {
    201: json(ticketAnswer, "The ticket.", {
      ticket: "tt_mFDOdmZC0WLRJYgUlRPCkqIcJx4d0AWEBIPH4cbPM3k",
      validForMs: ticketMsMax,
    }),
    ...problems("throttled"),
  },
};
