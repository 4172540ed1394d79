using Chat.Cells.Http;
using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Config;
using Chat.Cells.Metrics;
using Chat.Cells.Operator.Observe;
using Chat.Cells.Operator.Plan;

namespace Chat.Cells.Operator.Hosting;

/// <summary>The operator as a process: JSON logs, /healthz, /readyz, /metrics, graceful stop.</summary>
public static class OperatorHost
{
    /// <summary>Runs until SIGTERM, or until <paramref name="cancellationToken"/> is cancelled.</summary>
    /// <exception cref="KubeConfigException">There is no cluster to talk to.</exception>
    public static async Task RunAsync(OperatorOptions options, string? kubeconfig, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Logging.AddJsonConsole(o =>
        {
            o.UseUtcTimestamp = true;
            o.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ";
        });
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        builder.WebHost.UseUrls(options.Listen);
        builder.Services.AddMetricsCollector();

        using var client = new KubernetesClient(ClientConfiguration.Default(kubeconfig));
        using var http = new HttpClient(new ConnectionErrorHandler(new SocketsHttpHandler()));
        await using var app = builder.Build();
        var loggers = app.Services.GetRequiredService<ILoggerFactory>();
        using var chatCells = new ChatCellOperator(
            client, options, new HttpCellProbe(http, loggers.CreateLogger<HttpCellProbe>()), new RandomSecretSource(), loggers, TimeProvider.System);
        OperatorMetrics.Observe(chatCells);

        app.MapGet("/healthz", () => "ok");
        app.MapGet("/readyz", () => chatCells.IsReady ? Results.Ok("ok") : Results.Text("caches are being filled", statusCode: StatusCodes.Status503ServiceUnavailable));
        app.MapMetrics();
        await app.StartAsync(cancellationToken);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(app.Lifetime.ApplicationStopping, cancellationToken);
        try
        {
            // Ends when stopped; the lease is given back on the way.
            await chatCells.RunAsync(stop.Token);
        }
        finally
        {
            await app.StopAsync(CancellationToken.None);
        }
    }
}
