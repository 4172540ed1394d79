using Chat.Cells.Metrics;
using Chat.Cells.Router.Forwarding;
using Chat.Cells.Router.Guarding;
using Chat.Cells.Router.Health;
using Chat.Cells.Router.Routing;
using Chat.Cells.Router.Web;
using Chat.Cells.Topology;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Chat.Cells.Router.Hosting;

/// <summary>The composed router: one process, a public and an internal listener.</summary>
public sealed class RouterHost : IAsyncDisposable
{
    private readonly WebApplication app;

    private RouterHost(WebApplication app) => this.app = app;

    /// <summary>Where clients connect; known once started.</summary>
    public Uri PublicUrl => Url(0);

    /// <summary>Where health, readiness and metrics are; known once started.</summary>
    public Uri InternalUrl => Url(1);

    /// <param name="options">How it runs.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logging">Adds to where logs go.</param>
    public static RouterHost Create(RouterOptions options, TimeProvider? time = null, Action<ILoggingBuilder>? logging = null)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Logging.AddJsonConsole(console =>
        {
            console.UseUtcTimestamp = true;
            console.TimestampFormat = "O";
        });
        // The framework's own request logs would show paths with queries; what matters the router says itself.
        builder.Logging.SetMinimumLevel(LogLevel.Information).AddFilter("Microsoft", LogLevel.Warning).AddFilter("Yarp", LogLevel.Error).AddFilter("Microsoft.Hosting.Lifetime", LogLevel.Information);
        logging?.Invoke(builder.Logging);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => ConfigureKestrel(kestrel, options));
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = options.Drain + TimeSpan.FromSeconds(10));
        AddServices(builder.Services, options, time ?? TimeProvider.System);

        var web = builder.Build();
        var services = web.Services;
        services.GetRequiredService<CellMapWatcher>().Start();
        web.Lifetime.ApplicationStopping.Register(() => services.GetRequiredService<OpenSockets>().BeginDrain(options.Drain));
        web.UseWhen(context => context.Features.Get<InternalListener>() is not null, UseInternal);
        if (options.TrustedProxies.Count > 0) web.UseForwardedHeaders(TrustProxies(options));
        var api = services.GetRequiredService<ApiRequests>();
        web.Use((context, next) => ApiRoute.IsApi(context.Request.Path.Value) ? api.HandleAsync(context) : next(context));
        web.UsePageFiles(options.WebRoot);
        return new RouterHost(web);
    }

    public Task StartAsync(CancellationToken cancellationToken) => app.StartAsync(cancellationToken);

    public Task StopAsync(CancellationToken cancellationToken) => app.StopAsync(cancellationToken);

    /// <summary>Runs until the process is told to end.</summary>
    public Task RunAsync() => app.RunAsync();

    public ValueTask DisposeAsync() => app.DisposeAsync();

    private static void AddServices(IServiceCollection services, RouterOptions options, TimeProvider time)
    {
        services.AddRoutingCore();
        services.AddSingleton(options).AddSingleton(time).AddSingleton(Random.Shared);
        services.AddSingleton(s => new CellMapWatcher(
            options.CellMap,
            new CellMapWatcherOptions { CopyPath = options.MapCopy is null ? null : Path.Combine(options.MapCopy, CellMapFile.FileName) },
            time,
            s.GetRequiredService<ILoggerFactory>().CreateLogger<CellMapWatcher>()));
        services.AddSingleton(s => new AccessTokenVerifier(() => s.GetRequiredService<CellMapWatcher>().Current, time));
        services.AddSingleton(new OriginPolicy(options.AllowedOrigins));
        services.AddSingleton<CellHealth>().AddSingleton<CellResolver>().AddSingleton<OpenSockets>().AddSingleton<HeldSockets>().AddSingleton<RouterMetrics>().AddSingleton<CellForwarder>().AddSingleton<ApiRequests>();
        services.AddHostedService<HealthChecks>();
        services.AddHttpForwarder();
        services.AddMetricsCollector();
    }

    private static void ConfigureKestrel(KestrelServerOptions kestrel, RouterOptions options)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = options.MaxBodyBytes;
        kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
        kestrel.Listen(options.Listen, listen => listen.Protocols = HttpProtocols.Http1);
        kestrel.Listen(options.Internal, listen =>
        {
            listen.Protocols = HttpProtocols.Http1;
            listen.Use(next => connection =>
            {
                connection.Features.Set(InternalListener.Mark);
                return next(connection);
            });
        });
    }

    private static void UseInternal(IApplicationBuilder app)
    {
        app.UseRouting();
        app.UseEndpoints(endpoints =>
        {
            var maps = endpoints.ServiceProvider.GetRequiredService<CellMapWatcher>();
            var sockets = endpoints.ServiceProvider.GetRequiredService<OpenSockets>();
            endpoints.MapGet("/healthz", () => "ok");
            endpoints.MapGet("/readyz", () => maps.Current is null ? NotReady("no cell map yet") : sockets.IsDraining ? NotReady("shutting down") : Microsoft.AspNetCore.Http.Results.Text("ready"));
            endpoints.MapMetrics();
        });
        app.Run(context =>
        {
            context.Response.StatusCode = 404;
            return Task.CompletedTask;
        });

        static Microsoft.AspNetCore.Http.IResult NotReady(string reason) => Microsoft.AspNetCore.Http.Results.Text(reason, statusCode: 503);
    }

    private static ForwardedHeadersOptions TrustProxies(RouterOptions options)
    {
        var trusted = new ForwardedHeadersOptions { ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto, ForwardLimit = null };
        trusted.KnownIPNetworks.Clear();
        trusted.KnownProxies.Clear();
        foreach (var network in options.TrustedProxies) trusted.KnownIPNetworks.Add(network);
        return trusted;
    }

    private Uri Url(int index) => new(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.ElementAt(index));

    /// <summary>Marks connections of the internal listener.</summary>
    private sealed class InternalListener
    {
        public static readonly InternalListener Mark = new();
    }
}
