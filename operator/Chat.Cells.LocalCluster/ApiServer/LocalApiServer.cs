using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.LocalCluster.ApiServer;

/// <summary>
/// A running API server. In-process users (tests) start it with <see cref="StartAsync"/> and dispose it; the state stays in the data folder.
/// </summary>
public sealed class LocalApiServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ObjectStore _store;
    private readonly ServerIdentity _identity;
    private readonly CancellationTokenSource _stopping;
    private readonly Task _collector;

    private LocalApiServer(WebApplication app, ObjectStore store, ServerIdentity identity, CancellationTokenSource stopping, Task collector, Uri baseUrl, string kubeconfig)
    {
        _app = app;
        _store = store;
        _identity = identity;
        _stopping = stopping;
        _collector = collector;
        BaseUrl = baseUrl;
        KubeconfigPath = kubeconfig;
    }

    /// <summary>As in <c>https://127.0.0.1:16443/</c>.</summary>
    public Uri BaseUrl { get; }

    /// <summary>The bearer token.</summary>
    public string Token => _identity.Token;

    /// <summary>The authority that clients have to trust, PEM.</summary>
    public string CaCertificatePem => _identity.CaCertificatePem;

    /// <summary>A kubeconfig with address, authority and token; mode 0600.</summary>
    public string KubeconfigPath { get; }

    /// <summary>Starts a server and waits until it answers.</summary>
    /// <exception cref="IOException">The port or the data folder is in use.</exception>
    /// <exception cref="ArgumentException">The listen address or the service CIDR is not on loopback.</exception>
    public static async Task<LocalApiServer> StartAsync(LocalApiServerOptions options, ILoggerFactory? loggers = null, CancellationToken cancellationToken = default)
    {
        if (!System.Net.IPAddress.IsLoopback(options.Listen.Address) || !System.Net.IPAddress.IsLoopback(options.ServiceCidr.BaseAddress))
        {
            throw new ArgumentException("LocalCluster listens and hands out addresses on loopback only", nameof(options));
        }

        loggers ??= NullLoggerFactory.Instance;
        var logger = loggers.CreateLogger<LocalApiServer>();
        var store = ObjectStore.Open(Path.Combine(options.DataDirectory, "api"), options.WatchWindow, options.CompactAt, logger);
        var identity = ServerIdentity.LoadOrCreate(options.DataDirectory, options.Listen.Address, options.Time);
        var stopping = new CancellationTokenSource();
        WebApplication? app = null;
        try
        {
            var registry = new ResourceRegistry();
            await BootstrapAsync(store, registry, options, cancellationToken);
            app = Build(options, loggers, identity, new RequestPipeline(store, registry, options, identity, logger, stopping.Token));
            await app.StartAsync(cancellationToken);
            var address = new Uri(app.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.First());
            var kubeconfig = options.KubeconfigPath ?? Path.Combine(options.DataDirectory, "kubeconfig");
            identity.WriteKubeconfig(kubeconfig, address);
            var collector = Task.WhenAll(
                Task.Run(() => new GarbageCollector(store, registry, options, logger).RunAsync(stopping.Token), CancellationToken.None),
                Task.Run(() => new EventExpiry(store, options, logger).RunAsync(stopping.Token), CancellationToken.None));
            return new LocalApiServer(app, store, identity, stopping, collector, address, kubeconfig);
        }
        catch (Exception)
        {
            if (app is not null)
            {
                await app.DisposeAsync();
            }

            stopping.Dispose();
            identity.Dispose();
            await store.DisposeAsync();
            throw;
        }
    }

    /// <summary>A client that trusts the server and carries the token.</summary>
    public HttpClient CreateClient(bool authenticated = true)
    {
        var authority = X509Certificate2.CreateFromPem(CaCertificatePem);
        var handler = new SocketsHttpHandler();
        handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            CustomTrustStore = { authority },
        };
        var client = new HttpClient(handler) { BaseAddress = BaseUrl };
        if (authenticated)
        {
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Token);
        }

        return client;
    }

    /// <summary>Ends all watches, then the server. What was acknowledged is on disk.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        using (var limit = new CancellationTokenSource(TimeSpan.FromSeconds(5)))
        {
            await _app.StopAsync(limit.Token);
        }

        await _app.DisposeAsync();
        await _collector.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        await _store.DisposeAsync();
        _identity.Dispose();
        _stopping.Dispose();
    }

    private static WebApplication Build(LocalApiServerOptions options, ILoggerFactory loggers, ServerIdentity identity, RequestPipeline pipeline)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton(loggers);
        builder.Services.AddLogging();
        builder.Services.Configure<HostOptions>(o => o.ShutdownTimeout = TimeSpan.FromSeconds(5));
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = null; // Bodies are counted while they are read, to answer with a Status.
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Limits.MinResponseDataRate = null; // A watch may be silent for minutes.
            kestrel.Listen(options.Listen, listen =>
            {
                listen.Protocols = HttpProtocols.Http1AndHttp2;
                listen.UseHttps(identity.Certificate);
            });
        });
        var app = builder.Build();
        app.Run(pipeline.HandleAsync);
        return app;
    }

    private static async Task BootstrapAsync(ObjectStore store, ResourceRegistry registry, LocalApiServerOptions options, CancellationToken cancellationToken)
    {
        var writer = new ObjectWriter(store, options);
        var kind = registry.Find(store.Read().Objects, "", "namespaces")!;
        foreach (var name in (string[])["default", "kube-system"])
        {
            if (store.Read().Objects.Get(kind.Key("", name)) is null)
            {
                var body = new JsonObject { ["apiVersion"] = "v1", ["kind"] = "Namespace", ["metadata"] = new JsonObject { ["name"] = name } };
                await writer.CreateAsync(new Target(kind, kind.Versions[0], "", ""), body, new WriteOptions { Manager = "local-cluster" }, cancellationToken);
            }
        }
    }
}
