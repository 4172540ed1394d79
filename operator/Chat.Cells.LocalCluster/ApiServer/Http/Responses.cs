using System.Text;

namespace Chat.Cells.LocalCluster.ApiServer.Http;

/// <summary>How the caller wants objects shown.</summary>
public enum Shape
{
    /// <summary>As they are.</summary>
    Whole,

    /// <summary>As a table with printed columns.</summary>
    Table,

    /// <summary>Only their metadata.</summary>
    Metadata,
}

/// <summary>Writes answers.</summary>
internal static class Responses
{
    /// <summary>The shape that the Accept header asks for.</summary>
    /// <exception cref="ApiException">406: none that is offered here.</exception>
    public static Shape Negotiate(HttpRequest request)
    {
        var accept = request.Headers.Accept.ToString();
        if (string.IsNullOrWhiteSpace(accept))
        {
            return Shape.Whole;
        }

        foreach (var offer in accept.Split(','))
        {
            var parts = offer.Split(';', StringSplitOptions.TrimEntries);
            if (parts[0] is not ("application/json" or "*/*" or "application/*"))
            {
                continue;
            }

            switch (parts.FirstOrDefault(p => p.StartsWith("as=", StringComparison.Ordinal)))
            {
                case null:
                    return Shape.Whole;
                case "as=Table" when parts.Contains("g=meta.k8s.io", StringComparer.Ordinal):
                    return Shape.Table;
                case "as=PartialObjectMetadata" or "as=PartialObjectMetadataList":
                    return Shape.Metadata;
            }
        }

        throw new ApiException(406, "NotAcceptable", "only the following media types are accepted: application/json, application/json;as=Table;v=v1;g=meta.k8s.io, application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io");
    }

    /// <summary>Writes JSON.</summary>
    public static Task WriteAsync(HttpContext context, int code, JsonNode body) =>
        WriteAsync(context, code, JsonSerializer.SerializeToUtf8Bytes(body, JsonText.Options));

    /// <summary>Writes JSON that is already encoded.</summary>
    public static async Task WriteAsync(HttpContext context, int code, byte[] bytes)
    {
        context.Response.StatusCode = code;
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = bytes.Length;
        await context.Response.Body.WriteAsync(bytes, context.RequestAborted);
    }

    /// <summary>Writes a failure, unless the answer has already begun.</summary>
    public static async Task WriteErrorAsync(HttpContext context, ApiException error)
    {
        if (!context.Response.HasStarted)
        {
            await WriteAsync(context, error.Code, error.ToStatus());
        }
    }

    /// <summary>Adds a warning, which kubectl prints.</summary>
    public static void Warn(HttpContext context, string text)
    {
        var safe = new StringBuilder();
        foreach (var c in text)
        {
            safe.Append(c is '"' or '\\' ? $"\\{c}" : c is < ' ' or > '~' ? "?" : c.ToString());
        }

        context.Response.Headers.Append("Warning", $"299 - \"{safe}\"");
    }
}
