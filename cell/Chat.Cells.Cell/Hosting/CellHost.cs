using System.Net;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Chat.Cells.Cell.Accounts;
using Chat.Cells.Cell.Auditing;
using Chat.Cells.Cell.Bridging;
using Chat.Cells.Cell.Channels;
using Chat.Cells.Cell.Connections;
using Chat.Cells.Cell.Http;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Presence;
using Chat.Cells.Cell.Unread;
using Chat.Cells.Metrics;
using Chat.Cells.Topology;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Chat.Cells.Cell.Hosting;

/// <summary>One server of a cell, composed and running. The program is this and a command line; tests start several in one process.</summary>
public sealed partial class CellHost : IAsyncDisposable
{
    private const int MaxBody = 256 * 1024;
    private readonly WebApplication web;
    private readonly CellEngines? ownEngines;
    private readonly ILoggerFactory engineLogs;
    private bool stopped;

    private CellHost(WebApplication app, CellEngines? ownEngines, ILoggerFactory engineLogs, Uri publicUrl, Uri internalUrl)
    {
        web = app;
        this.ownEngines = ownEngines;
        this.engineLogs = engineLogs;
        PublicUrl = publicUrl;
        InternalUrl = internalUrl;
    }

    /// <summary>Where clients connect, with the real port.</summary>
    public Uri PublicUrl { get; }

    /// <summary>Where servers connect, with the real port.</summary>
    public Uri InternalUrl { get; }

    public IServiceProvider Services => web.Services;

    /// <summary>Starts a server.</summary>
    /// <param name="engines">Engines that are shared with other servers of the same cell, and disposed by the caller; null to open the cell's own from its data folder.</param>
    /// <param name="time">The clock.</param>
    /// <param name="configureLogging">Replaces the JSON logs to stdout.</param>
    /// <exception cref="OptionsException">The options or the secrets can't be used.</exception>
    public static async Task<CellHost> StartAsync(
        CellOptions options,
        CellEngines? engines = null,
        TimeProvider? time = null,
        Action<ILoggingBuilder>? configureLogging = null,
        CancellationToken cancellationToken = default)
    {
        var clock = time ?? TimeProvider.System;
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Logging.ClearProviders();
        var logTo = configureLogging ?? JsonLogs;
        logTo(builder.Logging);
        Listen(builder, options);

        var loggers = LoggerFactory.Create(logTo);
        var own = engines is null ? await CellEngines.OpenAsync(options, clock, loggers, cancellationToken) : null;
        WebApplication? app = null;
        try
        {
            AddServices(builder.Services, options, engines ?? own!, clock);
            app = builder.Build();
            Map(app, options);
            await PrepareAsync(app.Services, cancellationToken);
            await app.StartAsync(cancellationToken);
            var urls = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Select(a => new Uri(a)).ToArray();
            LogStarted(
                loggers.CreateLogger<CellHost>(), options.Cell, options.ServerId, string.Join(',', options.Roles), urls[0], urls[1], options.PasswordIterations, options.MessagesPerMinute);
            return new CellHost(app, own, loggers, urls[0], urls[1]);
        }
        catch (Exception)
        {
            if (app is not null) await app.DisposeAsync();
            if (own is not null) await own.DisposeAsync();
            loggers.Dispose();
            throw;
        }
    }

    /// <summary>Waits until the process is told to stop, then stops gracefully.</summary>
    public async Task WaitForShutdownAsync(CancellationToken cancellationToken)
    {
        await web.WaitForShutdownAsync(cancellationToken);
        stopped = true;
    }

    /// <summary>Drains and stops: at most as long as <see cref="CellOptions.DrainTimeout"/>.</summary>
    public async Task StopAsync(CancellationToken cancellationToken = default)
    {
        if (stopped) return;
        stopped = true;
        await web.StopAsync(cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await StopAsync();
            await web.DisposeAsync();
        }
        finally
        {
            if (ownEngines is not null) await ownEngines.DisposeAsync();
            engineLogs.Dispose();
        }
    }

    private static void JsonLogs(ILoggingBuilder logging) => logging
        .AddJsonConsole(o =>
        {
            o.UseUtcTimestamp = true;
            o.TimestampFormat = "yyyy-MM-dd'T'HH:mm:ss.fff'Z'";
            o.JsonWriterOptions = new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
        })
        .AddFilter("Microsoft", LogLevel.Warning)
        // It says nothing from Warning on, but for a level that is on it makes an activity and a scope for every request, which a socket keeps as long as it lives.
        .AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None)
        .AddFilter("System", LogLevel.Warning);

    private static void Listen(WebApplicationBuilder builder, CellOptions options) => builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
    {
        kestrel.AddServerHeader = false;
        kestrel.DisableStringReuse = true; // it keeps a connection's headers for its next request; a socket has none
        kestrel.Limits.MaxConcurrentConnections = null;
        kestrel.Limits.MaxRequestBodySize = null; // endpoints have their own
        kestrel.Limits.MinRequestBodyDataRate = null;
        kestrel.Limits.MinResponseDataRate = null;
        kestrel.Listen(EndPointOf(options.Public), listen => Prepare(listen, Listener.Public));
        kestrel.Listen(EndPointOf(options.Internal), listen => Prepare(listen, Listener.Internal));

        static void Prepare(ListenOptions listen, Listener listener)
        {
            listen.Mark(listener);
            ConnectionHandover.Use(listen);
        }
    });

    private static IPEndPoint EndPointOf(Uri url) => new(IPAddress.Parse(url.Host.Trim('[', ']')), url.Port);

    private static void AddServices(IServiceCollection services, CellOptions options, CellEngines engines, TimeProvider time)
    {
        var identity = new CellIdentity(options.Cell, options.Number, options.Region, options.ServerId);
        services.Configure<HostOptions>(o => o.ShutdownTimeout = options.DrainTimeout);
        services.ConfigureHttpJsonOptions(o =>
        {
            o.SerializerOptions.TypeInfoResolverChain.Insert(0, HttpJson.Default);
            o.SerializerOptions.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
            o.SerializerOptions.Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;
        });
        services.Configure<RouteHandlerOptions>(o => o.ThrowOnBadRequest = true);
        services.AddSingleton(options).AddSingleton(identity).AddSingleton(time);
        services.AddSingleton(engines.Log).AddSingleton(engines.Store).AddSingleton(engines.Accounts).AddSingleton(engines.State);
        services.AddSingleton(options is { Log: "kafka", SmallTopics: false } ? Topics.Full : Topics.Embedded);
        services.AddMetricsCollector();
        services.AddOpenApi("v1", OpenApiDescription.Configure);
        services.AddCors(o => o.AddDefaultPolicy(p => p.WithOrigins([.. options.AllowedOrigins]).AllowAnyHeader().AllowAnyMethod()));

        services.AddSingleton<SecretsFolder>();
        services.AddHostedService(s => s.GetRequiredService<SecretsFolder>());
        services.AddSingleton<CurrentCellMap>();
        services.AddSingleton<ICellDirectory>(s => new CellMapDirectory(identity.Cell, identity.Number, () => s.GetRequiredService<CurrentCellMap>().Current));
        services.AddSingleton(s => new AccessTokenVerifier(() => s.GetRequiredService<CurrentCellMap>().Current, time));
        services.AddSingleton<Readiness>();

        services.AddSingleton<PasswordHasher>().AddSingleton(s => new TokenIssuer(options, () => s.GetRequiredService<CurrentCellMap>().SigningKey, time)).AddSingleton<HandleClaims>().AddSingleton<PeerCells>();
        services.AddSingleton<Limits.RateLimits>().AddSingleton<AccountService>().AddSingleton<DeviceRevocations>().AddSingleton<Tickets>().AddSingleton<ProfileReader>();
        services.AddBridging();
        AddRoles(services, options);
        services.AddSockets();
        if (options.HasRole("gateway")) services.AddGateway();
    }

    private static void AddRoles(IServiceCollection services, CellOptions options)
    {
        if (options.HasRole("fanout"))
        {
            services.AddSingleton<FanOutRole>();
            AddRole<FanOutRole>(services, "fanout", static r => (r.RunAsync, () => r.IsRunning));
            services.AddSingleton(new AuditOptions(options.AuditDelay, options.AuditPerSecond));
            if (options.AuditPerSecond > 0) services.AddHostedService<LossAuditor>();
            AddRole<BridgeInRole>(services, "bridge-in", static r => (r.RunAsync, () => r.IsRunning));
        }
        if (options.HasRole("delivery"))
        {
            services.AddSingleton<DeliveryRole>();
            AddRole<DeliveryRole>(services, "delivery", static r => (r.RunAsync, () => r.IsRunning));
        }
    }

    private static void AddRole<TRole>(IServiceCollection services, string name, Func<TRole, (Func<CancellationToken, Task> Run, Func<bool> IsRunning)> parts)
        where TRole : class
    {
        services.AddSingleton(s =>
        {
            var (run, isRunning) = parts(s.GetRequiredService<TRole>());
            return new RoleHost(name, run, isRunning, s.GetRequiredService<TimeProvider>(), s.GetRequiredService<ILogger<RoleHost>>());
        });
        services.AddSingleton<IHostedService>(s => s.GetServices<RoleHost>().Single(r => r.Name == name));
    }

    /// <summary>Only a gateway answers clients; of the other servers' public listener nothing is left but their health.</summary>
    private static void Map(WebApplication app, CellOptions options)
    {
        var bodyLimit = new Microsoft.AspNetCore.Mvc.RequestSizeLimitAttribute(MaxBody);
        app.UseProblemDocuments();
        app.UseRouting();
        // What it needs of a request (a scope of services, the request's items) lives as long as the request, and a socket's as long as the socket. Sockets check origins themselves.
        app.UseWhen(static context => !WebSocketUpgrade.IsRequested(context), static others => others.UseCors());
        app.UseListenerSeparation();
        app.UseCallerAuthentication();

        var everywhere = app.MapGroup("").OnListener(Listener.Both);
        everywhere.MapLiveness();
        if (options.HasRole("gateway"))
        {
            var open = app.MapGroup("").OnListener(Listener.Public).WithMetadata(bodyLimit);
            open.MapOpenApi("/v1/openapi.json");
            open.MapKeys();
            open.MapAccounts();
            open.MapChannels();
            open.MapUnread();
            open.MapGateway();
        }
        var closed = app.MapGroup("").OnListener(Listener.Internal).WithMetadata(bodyLimit).ExcludeFromDescription();
        closed.MapReadiness();
        closed.MapMetrics();
        closed.MapInternalUsers();
        closed.MapBridgeEndpoints();
        closed.MapStatus();
        if (options.HasRole("gateway")) closed.MapPeerStreams();
    }

    /// <summary>What must be there before the first request: the map and the topics.</summary>
    private static async Task PrepareAsync(IServiceProvider services, CancellationToken cancellationToken)
    {
        var map = services.GetRequiredService<CurrentCellMap>();
        if (map.Current is null) LogNoMap(services.GetRequiredService<ILogger<CellHost>>(), services.GetRequiredService<CellOptions>().CellMapPath ?? "");
        await map.WaitAsync(cancellationToken);
        await CellTopics.EnsureAsync(
            services.GetRequiredService<IMessageLog>(), services.GetRequiredService<Topics>(), services.GetRequiredService<ICellDirectory>(), cancellationToken);
    }

    [LoggerMessage(120, LogLevel.Information, "Cell {Cell}, server {ServerId} ({Roles}): clients at {Public}, servers at {Internal}; {Iterations} password iterations, {Rate} messages per minute and user (0: no limit).")]
    private static partial void LogStarted(ILogger logger, string cell, string serverId, string roles, Uri @public, Uri @internal, int iterations, int rate);

    [LoggerMessage(121, LogLevel.Warning, "There is no usable cell map in {Path} yet; the server starts when there is.")]
    private static partial void LogNoMap(ILogger logger, string path);
}
