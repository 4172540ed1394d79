using System.Diagnostics;
using Chat.Cells.Http;
using Chat.Cells.Router.Health;
using Chat.Cells.Router.Hosting;
using Chat.Cells.Router.Routing;
using Chat.Cells.Topology;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Forwarder;

namespace Chat.Cells.Router.Forwarding;

/// <summary>Forwards a request or a socket to its cell, unbuffered. A cell that can't be reached is reported and answered for.</summary>
internal sealed partial class CellForwarder : IDisposable
{
    // A socket lives as long as its two ends do; the cell closes silent ones.
    private static readonly ForwarderRequestConfig SocketConfig = new() { ActivityTimeout = Timeout.InfiniteTimeSpan, Version = System.Net.HttpVersion.Version11, VersionPolicy = HttpVersionPolicy.RequestVersionExact };

    private readonly IHttpForwarder forwarder;
    private readonly CellHealth health;
    private readonly OpenSockets sockets;
    private readonly HeldSockets held;
    private readonly RouterMetrics metrics;
    private readonly RouterOptions options;
    private readonly ILogger<CellForwarder> logger;
    private readonly ForwarderRequestConfig requestConfig;
    private readonly HttpMessageInvoker client;

    public CellForwarder(IHttpForwarder forwarder, CellHealth health, OpenSockets sockets, HeldSockets held, RouterMetrics metrics, RouterOptions options, ILogger<CellForwarder> logger)
    {
        this.forwarder = forwarder;
        this.health = health;
        this.sockets = sockets;
        this.held = held;
        this.metrics = metrics;
        this.options = options;
        this.logger = logger;
        requestConfig = SocketConfig with { ActivityTimeout = options.ResponseTimeout };
        client = new HttpMessageInvoker(new ConnectionErrorHandler(new SocketsHttpHandler
        {
            UseProxy = false,
            AllowAutoRedirect = false,
            AutomaticDecompression = System.Net.DecompressionMethods.None,
            UseCookies = false,
            EnableMultipleHttp2Connections = true,
            ActivityHeadersPropagator = new ReverseProxyPropagator(DistributedContextPropagator.Current),
            ConnectTimeout = options.HealthTimeout,
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(60),
            // TCP's own probes find a cell whose machine has vanished without a word.
            ConnectCallback = TcpKeepAlive.Connect(idle: TimeSpan.FromSeconds(5), interval: TimeSpan.FromSeconds(3), probes: 3),
        }));
    }

    public void Dispose() => client.Dispose();

    /// <summary>Forwards; null when the client has its answer, else why there is none.</summary>
    /// <param name="context">The request.</param>
    /// <param name="cell">Where it goes.</param>
    /// <param name="since">When it came, as a timestamp.</param>
    /// <param name="isProven">A token has shown who asks.</param>
    public async Task<Refusal?> ForwardAsync(HttpContext context, CellEntry cell, long since, bool isProven)
    {
        var isSocket = context.Features.Get<IHttpUpgradeFeature>() is { IsUpgradableRequest: true };
        if (!isSocket) return await ForwardRequestAsync(context, cell);
        while (true)
        {
            var (refusal, notConnected) = await ForwardSocketAsync(context, cell);
            if (!notConnected || !await held.UntilUpAsync(context, cell, since, isProven)) return refusal;
            context.Response.StatusCode = StatusCodes.Status200OK; // what the failed attempt had set
        }
    }

    private async Task<Refusal?> ForwardRequestAsync(HttpContext context, CellEntry cell)
    {
        var started = Stopwatch.GetTimestamp();
        var error = await forwarder.SendAsync(context, cell.Endpoints.Public.AbsoluteUri, client, requestConfig, CellTransformer.Instance);
        metrics.RequestDone(cell.Name, context.Response.StatusCode, Stopwatch.GetElapsedTime(started));
        return Judge(context, cell, error);
    }

    /// <summary>One attempt; whether there was no connection, so that nothing of the request has reached the cell.</summary>
    private async Task<(Refusal? Refusal, bool NotConnected)> ForwardSocketAsync(HttpContext context, CellEntry cell)
    {
        if (sockets.IsDraining) return (Refusal.Draining, false);
        using var end = new CancellationTokenSource();
        var opened = false;
        // Until the cell has accepted the socket it is a request like any other, with a limit.
        end.CancelAfter(options.ResponseTimeout);
        context.Features.Set(new SocketStart(() =>
        {
            opened = true;
            end.CancelAfter(Timeout.InfiniteTimeSpan);
            metrics.SocketOpened(cell.Name);
            sockets.Add(end);
        }));
        try
        {
            var error = await forwarder.SendAsync(context, cell.Endpoints.Public.AbsoluteUri, client, SocketConfig, CellTransformer.Instance, end.Token);
            if (!opened)
            {
                var refusal = Judge(context, cell, error);
                return (refusal, refusal is not null && IsConnectFailure(context.Features.Get<IForwarderErrorFeature>()?.Exception));
            }
            LogSocketEnded(logger, cell.Name, error);
            // Whatever ended the forwarding, the client's connection must not linger without a cell behind it.
            context.Abort();
            return (null, false);
        }
        finally
        {
            sockets.Remove(end);
            if (opened) metrics.SocketClosed(cell.Name);
        }
    }

    private Refusal? Judge(HttpContext context, CellEntry cell, ForwarderError error)
    {
        if (error == ForwarderError.None || context.RequestAborted.IsCancellationRequested) return null;
        var exception = context.Features.Get<IForwarderErrorFeature>()?.Exception;
        LogForwardFailed(logger, context.Request.Method, cell.Name, error, Innermost(exception));
        if (IsConnectFailure(exception)) health.ConnectFailed(cell, "can't be connected to: " + Innermost(exception));
        if (context.Response.HasStarted) return null;
        if (error == ForwarderError.RequestBodyClient)
        {
            return context.Response.StatusCode == StatusCodes.Status413PayloadTooLarge
                ? Refusal.TooLarge(options.MaxBodyBytes)
                : new Refusal(context.Response.StatusCode, Protocol.ErrorCodes.BadRequest, "The request body could not be read.");
        }
        return Refusal.CellDown(cell);
    }

    private static bool IsConnectFailure(Exception? exception)
    {
        for (var e = exception; e is not null; e = e.InnerException)
        {
            if (e is HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError }) return true;
        }
        return false;
    }

    private static string Innermost(Exception? exception)
    {
        while (exception?.InnerException is { } inner) exception = inner;
        return exception?.Message ?? "";
    }

    [LoggerMessage(30, LogLevel.Warning, "{Method} to cell {Cell} failed: {Error} {Reason}")]
    private static partial void LogForwardFailed(ILogger logger, string method, string cell, ForwarderError error, string reason);

    [LoggerMessage(31, LogLevel.Debug, "A socket to cell {Cell} ended: {Error}")]
    private static partial void LogSocketEnded(ILogger logger, string cell, ForwarderError error);
}
