using Chat.Cells.Metrics;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Chat.Cells.Bridge;

/// <summary>The composed bridge: the pump, and a listener for health, readiness and metrics.</summary>
public sealed class BridgeHost : IAsyncDisposable
{
    private readonly WebApplication app;

    private BridgeHost(WebApplication app) => this.app = app;

    /// <summary>Where health is served; known once started.</summary>
    public Uri Url => new(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());

    public static BridgeHost Create(BridgeOptions options, TimeProvider? time = null, Action<ILoggingBuilder>? logging = null)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Logging.AddJsonConsole(console =>
        {
            console.UseUtcTimestamp = true;
            console.TimestampFormat = "yyyy-MM-dd'T'HH:mm:ss.fff'Z'";
        });
        builder.Logging.SetMinimumLevel(LogLevel.Information).AddFilter("Microsoft", LogLevel.Warning).AddFilter("System.Net.Http", LogLevel.Warning);
        logging?.Invoke(builder.Logging);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Listen(options.Listen, listen => listen.Protocols = HttpProtocols.Http1);
        });
        builder.Services.AddRoutingCore();
        builder.Services.AddMetricsCollector();
        builder.Services.AddSingleton(options).AddSingleton(time ?? TimeProvider.System);
        builder.Services.AddSingleton(s => new BridgePump(options, s.GetRequiredService<TimeProvider>(), s.GetRequiredService<ILogger<BridgePump>>()));
        builder.Services.AddHostedService<PumpService>();
        var web = builder.Build();
        web.UseRouting();
        web.MapGet("/healthz", () => Results.Text("ok"));
        web.MapGet("/readyz", (BridgePump pump) => pump.IsReady ? Results.Text("ready") : Results.Text("not connected", statusCode: StatusCodes.Status503ServiceUnavailable));
        web.MapMetrics();
        return new BridgeHost(web);
    }

    public Task StartAsync(CancellationToken cancellationToken) => app.StartAsync(cancellationToken);

    /// <summary>Runs until the process is told to end.</summary>
    public Task RunAsync() => app.RunAsync();

    public ValueTask DisposeAsync() => app.DisposeAsync();

    private sealed class PumpService(BridgePump pump) : BackgroundService
    {
        protected override Task ExecuteAsync(CancellationToken stoppingToken) => pump.RunAsync(stoppingToken);
    }
}
