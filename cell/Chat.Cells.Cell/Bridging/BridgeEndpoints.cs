using System.Globalization;
using System.IO.Pipelines;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Protocol;

namespace Chat.Cells.Cell.Bridging;

/// <summary>The internal endpoints that bridges use.</summary>
public static partial class BridgeEndpoints
{
    /// <summary>The largest body of appended records, in bytes.</summary>
    public const int MaxBody = 32 * 1024 * 1024;

    /// <summary>Maps them. Needs <see cref="BridgeInbox"/> and <see cref="BridgeOutlet"/> among the services.</summary>
    public static void MapBridgeEndpoints(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/internal/v1/bridges/{target}/records", StreamAsync).RequireInternal(InternalScope.Peer, "target").ExcludeFromDescription();
        endpoints.MapGet("/internal/v1/bridges/{source}/position", PositionAsync).RequireInternal(InternalScope.Bridge, "source").ExcludeFromDescription();
        endpoints.MapPost("/internal/v1/bridges/{source}/records", AppendAsync).RequireInternal(InternalScope.Bridge, "source").ExcludeFromDescription()
            .WithMetadata(new Microsoft.AspNetCore.Mvc.RequestSizeLimitAttribute(MaxBody));
    }

    /// <summary>The services behind the endpoints and the role that serves what they take in.</summary>
    public static IServiceCollection AddBridging(this IServiceCollection services) =>
        services.AddSingleton<BridgeStatus>().AddSingleton<BridgeInbox>().AddSingleton<BridgeOutlet>().AddSingleton<BridgeInRole>();

    private static async Task StreamAsync(
        string target, string? from, HttpContext http, BridgeOutlet outlet, ICellDirectory cells, IHostApplicationLifetime lifetime, ILogger<BridgeOutlet> logger)
    {
        if (!cells.Peers.Contains(target))
        {
            await WriteAsync(http, StatusCodes.Status404NotFound, new { code = ErrorCodes.NotFound, detail = "There is no such cell." });
            return;
        }
        if (ParseOffsets(from) is not { } offsets)
        {
            await WriteAsync(http, StatusCodes.Status400BadRequest, new { code = ErrorCodes.BadRequest, detail = "from is one offset per bridge partition, with commas." });
            return;
        }
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, lifetime.ApplicationStopping);
        try
        {
            var check = await outlet.CheckAsync(target, offsets, stop.Token);
            if (check is { Fits: false })
            {
                await WriteAsync(http, check.StatusCode, new { oldest = check.Oldest, next = check.Next });
                return;
            }
            http.Response.ContentType = "application/octet-stream";
            http.Response.Headers["Chat-Cells-Next"] = string.Join(',', check.Next);
            await outlet.StreamAsync(target, offsets, http.Response.BodyWriter, stop.Token);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The bridge went away, or this server does: it comes back to where its target stands.
            return;
        }
        catch (LogException e) when (!http.Response.HasStarted)
        {
            http.Response.Headers.Remove("Chat-Cells-Next");
            await WriteAsync(http, StatusCodes.Status503ServiceUnavailable, new { code = ErrorCodes.Retry, detail = e.Message });
        }
        catch (LogException e)
        {
            // Too late for an answer: a stream that is cut off has the bridge come back to where its target stands.
            LogCutOff(logger, target, e.Message);
            http.Abort();
        }
    }

    private static async Task<IResult> PositionAsync(string source, BridgeInbox inbox, CancellationToken cancellationToken)
    {
        try
        {
            return await inbox.PositionAsync(source, cancellationToken) is { } next ? Results.Json(new { next }) : Results.NotFound(new { code = ErrorCodes.NotFound });
        }
        catch (LogException e)
        {
            return Unavailable(e);
        }
    }

    private static async Task<IResult> AppendAsync(string source, HttpContext http, BridgeInbox inbox, CancellationToken cancellationToken)
    {
        List<BridgeFrame> frames;
        try
        {
            frames = await ReadFramesAsync(http.Request.BodyReader, cancellationToken);
        }
        catch (InvalidDataException e)
        {
            return Results.Json(new { code = ErrorCodes.BadRequest, detail = e.Message }, statusCode: StatusCodes.Status400BadRequest);
        }
        try
        {
            // Not cancelled with the request: what was begun is finished, so that the place is known.
            var result = await inbox.AppendAsync(source, frames, CancellationToken.None);
            return result is null
                ? Results.NotFound(new { code = ErrorCodes.NotFound })
                : Results.Json(new { next = result.Next, appended = result.Appended, repeated = result.Repeated, refused = result.Refused });
        }
        catch (InvalidDataException e)
        {
            return Results.Json(new { code = ErrorCodes.BadRequest, detail = e.Message }, statusCode: StatusCodes.Status400BadRequest);
        }
        catch (LogException e)
        {
            return Unavailable(e);
        }
    }

    private static async Task<List<BridgeFrame>> ReadFramesAsync(PipeReader reader, CancellationToken cancellationToken)
    {
        var frames = new List<BridgeFrame>();
        while (true)
        {
            var read = await reader.ReadAsync(cancellationToken);
            var buffer = read.Buffer;
            while (BridgeFrame.TryRead(ref buffer, out var frame))
            {
                if (frame.Partition >= 0) frames.Add(frame);
            }
            reader.AdvanceTo(buffer.Start, buffer.End);
            if (!read.IsCompleted) continue;
            return buffer.IsEmpty ? frames : throw new InvalidDataException("The last frame is cut off.");
        }
    }

    private static long[]? ParseOffsets(string? text)
    {
        if (text is null || text.Length > 4096) return null;
        var parts = text.Split(',');
        var offsets = new long[parts.Length];
        for (var i = 0; i < parts.Length; i++)
        {
            if (!long.TryParse(parts[i], NumberStyles.None, CultureInfo.InvariantCulture, out offsets[i])) return null;
        }
        return offsets;
    }

    private static IResult Unavailable(LogException e) =>
        Results.Json(new { code = ErrorCodes.Retry, detail = e.Message }, statusCode: StatusCodes.Status503ServiceUnavailable);

    private static Task WriteAsync(HttpContext http, int status, object body)
    {
        http.Response.StatusCode = status;
        return http.Response.WriteAsJsonAsync(body, http.RequestAborted);
    }

    [LoggerMessage(1, LogLevel.Warning, "The stream to the bridge to {Target} ends: {Reason}")]
    private static partial void LogCutOff(ILogger logger, string target, string reason);
}
