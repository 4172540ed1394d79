using Chat.Cells.Operator.Api;
using Chat.Cells.Operator.Api.Schema;

Console.Write(CrdGenerator.Yaml<ChatCell>());
