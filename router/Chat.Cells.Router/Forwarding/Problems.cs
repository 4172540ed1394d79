using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Chat.Cells.Router.Routing;
using Microsoft.AspNetCore.WebUtilities;

namespace Chat.Cells.Router.Forwarding;

/// <summary>Writes a refusal as a problem document (RFC 9457). What may work later says when to come back, jittered so that a crowd doesn't come back at once.</summary>
internal static class Problems
{
    private const int LeastRetryMs = 500;
    private const int MostRetryMs = 2_500;

    public static async Task WriteAsync(HttpContext context, Refusal refusal)
    {
        var response = context.Response;
        response.StatusCode = refusal.Status;
        response.ContentType = "application/problem+json";
        response.Headers.CacheControl = "no-store";
        int? retryAfter = null;
        if (refusal.Status is StatusCodes.Status503ServiceUnavailable or StatusCodes.Status429TooManyRequests)
        {
            retryAfter = Random.Shared.Next(LeastRetryMs, MostRetryMs);
            response.Headers.RetryAfter = ((retryAfter.Value + 999) / 1000).ToString(CultureInfo.InvariantCulture);
        }
        // The rest of the body is not read, so nothing more can come on this connection: a client that doesn't know would send its next request into one that is just being closed.
        if (refusal.Status == StatusCodes.Status413PayloadTooLarge && HttpProtocol.IsHttp11(context.Request.Protocol)) response.Headers.Connection = "close";
        if (refusal.Status == StatusCodes.Status401Unauthorized) response.Headers.WWWAuthenticate = "Bearer error=\"invalid_token\"";
        if (HttpMethods.IsHead(context.Request.Method)) return;
        var problem = new Problem("about:blank", ReasonPhrases.GetReasonPhrase(refusal.Status), refusal.Status, refusal.Code, refusal.Detail, retryAfter);
        await JsonSerializer.SerializeAsync(response.Body, problem, RouterJson.Default.Problem, context.RequestAborted);
    }
}

/// <param name="RetryAfter">Milliseconds.</param>
internal sealed record Problem(string Type, string Title, int Status, string Code, string Detail, int? RetryAfter);

/// <summary>What <c>GET /v1/cells</c> answers.</summary>
internal sealed record CellTable(long Version, IReadOnlyList<CellRow> Cells);

/// <param name="State">The state that the operator wants.</param>
/// <param name="Healthy">Whether the router can reach it.</param>
internal sealed record CellRow(string Name, string Region, Topology.CellState State, bool Healthy);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Problem))]
[JsonSerializable(typeof(CellTable))]
internal sealed partial class RouterJson : JsonSerializerContext;
