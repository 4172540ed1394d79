using System.Globalization;
using Chat.Cells.Cell.Accounts;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Protocol;

namespace Chat.Cells.Cell.Http;

/// <summary>Problem documents (RFC 9457) with the protocol's error codes.</summary>
public static partial class Problems
{
    public const string ContentType = "application/problem+json";

    public static Task WriteAsync(HttpContext context, int status, string code, string? detail = null, string? home = null, TimeSpan? retryAfter = null)
    {
        context.Response.StatusCode = status;
        if (retryAfter is { } wait) context.Response.Headers.RetryAfter = Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        // The rest of the body is not read, so nothing more can come on this connection: a client that doesn't know would send its next request into one that is just being closed.
        if (status == StatusCodes.Status413PayloadTooLarge && HttpProtocol.IsHttp11(context.Request.Protocol)) context.Response.Headers.Connection = "close";
        if (status == StatusCodes.Status401Unauthorized) context.Response.Headers.WWWAuthenticate = "Bearer";
        var title = Microsoft.AspNetCore.WebUtilities.ReasonPhrases.GetReasonPhrase(status);
        var problem = new ProblemDocument("about:blank", title, status, code, detail, home, retryAfter is { } after ? (int)after.TotalMilliseconds : null);
        return context.Response.WriteAsJsonAsync(problem, HttpJson.Default.ProblemDocument, ContentType, context.RequestAborted);
    }

    /// <summary>The same as a result of an endpoint.</summary>
    public static IResult Result(int status, string code, string? detail = null, string? home = null, TimeSpan? retryAfter = null) =>
        new ProblemResult(status, code, detail, home, retryAfter);

    /// <summary>403 for everybody who isn't a member, whether the channel exists or not.</summary>
    public static IResult NotMember() => Result(StatusCodes.Status403Forbidden, ErrorCodes.NotMember, "Not a member of this channel.");

    public static IResult BadRequest(string detail) => Result(StatusCodes.Status400BadRequest, ErrorCodes.BadRequest, detail);

    /// <summary>The verdict's code as an HTTP status.</summary>
    public static int StatusOf(string code) => code switch
    {
        ErrorCodes.NotMember or ErrorCodes.Forbidden => StatusCodes.Status403Forbidden,
        ErrorCodes.Conflict or ErrorCodes.ChannelFull or ErrorCodes.HandleTaken or ErrorCodes.Deleted => StatusCodes.Status409Conflict,
        ErrorCodes.NotFound or ErrorCodes.UnknownMessage => StatusCodes.Status404NotFound,
        ErrorCodes.Moved => StatusCodes.Status421MisdirectedRequest,
        ErrorCodes.TooLarge => StatusCodes.Status413PayloadTooLarge,
        ErrorCodes.RateLimited => StatusCodes.Status429TooManyRequests,
        ErrorCodes.Retry or ErrorCodes.Busy or ErrorCodes.CellUnavailable => StatusCodes.Status503ServiceUnavailable,
        ErrorCodes.Unauthorized => StatusCodes.Status401Unauthorized,
        _ => StatusCodes.Status400BadRequest,
    };

    /// <summary>Turns what endpoints throw into problem documents; an unknown fault is logged and tells the client nothing.</summary>
    public static IApplicationBuilder UseProblemDocuments(this IApplicationBuilder app) => app.Use(async (context, next) =>
    {
        try
        {
            await next(context);
            if (context.Response is { HasStarted: false, StatusCode: >= 400, ContentType: null }) await WriteAsync(context, new BadHttpRequestException("", context.Response.StatusCode));
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            if (!context.Response.HasStarted) context.Response.StatusCode = StatusCodes.Status499ClientClosedRequest;
        }
        catch (Exception e) when (!context.Response.HasStarted && !context.RequestAborted.IsCancellationRequested)
        {
            await WriteAsync(context, e);
        }
    });

    private static Task WriteAsync(HttpContext context, Exception fault)
    {
        switch (fault)
        {
            case AccountException e:
                return WriteAsync(context, e.Status, e.Code, e.Message, retryAfter: e.Status == StatusCodes.Status503ServiceUnavailable ? TimeSpan.FromSeconds(2) : null);
            case RateLimitedException e:
                return WriteAsync(context, StatusCodes.Status429TooManyRequests, ErrorCodes.RateLimited, e.Message, retryAfter: e.RetryAfter);
            case BusyException e:
                return WriteAsync(context, StatusCodes.Status503ServiceUnavailable, ErrorCodes.Busy, e.Message, retryAfter: e.RetryAfter);
            case BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge }:
                return WriteAsync(context, StatusCodes.Status413PayloadTooLarge, ErrorCodes.TooLarge, "The body is too large.");
            case BadHttpRequestException { StatusCode: StatusCodes.Status415UnsupportedMediaType }:
                return WriteAsync(context, StatusCodes.Status415UnsupportedMediaType, ErrorCodes.BadRequest, "The body must be application/json.");
            case BadHttpRequestException:
                return WriteAsync(context, StatusCodes.Status400BadRequest, ErrorCodes.BadRequest, "The body or a parameter can't be understood.");
            case LogException or StoreException or CellStateException:
                Log(context).LogUnavailable(fault, context.GetEndpoint()?.DisplayName ?? "");
                return WriteAsync(context, StatusCodes.Status503ServiceUnavailable, ErrorCodes.Retry, "The cell can't do this now.", retryAfter: TimeSpan.FromSeconds(1));
            default:
                Log(context).LogFault(fault, context.GetEndpoint()?.DisplayName ?? "");
                return WriteAsync(context, StatusCodes.Status500InternalServerError, "internal", "The server failed; the fault is in its log.");
        }
    }

    private static ILogger Log(HttpContext context) => context.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger("Chat.Cells.Cell.Http");

    [LoggerMessage(300, LogLevel.Warning, "{Endpoint}: the log, the store or the state failed.")]
    private static partial void LogUnavailable(this ILogger logger, Exception fault, string endpoint);

    [LoggerMessage(301, LogLevel.Error, "{Endpoint} failed.")]
    private static partial void LogFault(this ILogger logger, Exception fault, string endpoint);

    private sealed class ProblemResult(int status, string code, string? detail, string? home, TimeSpan? retryAfter) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext) => WriteAsync(httpContext, status, code, detail, home, retryAfter);
    }
}
