using Microsoft.AspNetCore.OpenApi;

namespace Chat.Cells.Cell.Http;

/// <summary>The head of <c>/v1/openapi.json</c>.</summary>
internal static class OpenApiDescription
{
    public static void Configure(OpenApiOptions options) => options.AddDocumentTransformer((document, _, _) =>
    {
        document.Info.Title = "Chat.Cells";
        document.Info.Version = "v1";
        document.Info.Description = "Accounts, channels and history of a chat cell. Messages travel over the WebSocket at /v1/ws; see docs/protocol.md.";
        document.Servers = [];
        return Task.CompletedTask;
    });
}
