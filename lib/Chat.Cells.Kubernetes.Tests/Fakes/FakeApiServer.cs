using System.Collections.Concurrent;
using System.Net;
using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Config;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Chat.Cells.Kubernetes.Tests.Fakes;

/// <summary>What a request was.</summary>
public sealed record Seen(string Method, string Path, string Query, string Body, string? ContentType, string? Authorization);

/// <summary>
/// An API server that does what a test says: <see cref="Script"/> gets each request first; what it leaves alone goes to a small in-memory store with optimistic
/// concurrency.
/// </summary>
public sealed class FakeApiServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private FakeApiServer(WebApplication app)
    {
        _app = app;
    }

    /// <summary>Answers true when it has handled the request.</summary>
    public Func<HttpContext, Seen, Task<bool>>? Script { get; set; }

    public ConcurrentQueue<Seen> Requests { get; } = new();

    public MemoryStore Store { get; } = new();

    public Uri Address => new(_app.Urls.First());

    public static async Task<FakeApiServer> StartAsync(Action<ListenOptions>? listen = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0, o => listen?.Invoke(o)));
        builder.Services.Configure<Microsoft.Extensions.Hosting.HostOptions>(o => o.ShutdownTimeout = TimeSpan.FromMilliseconds(100));
        var app = builder.Build();
        var server = new FakeApiServer(app);
        app.Run(server.HandleAsync);
        await app.StartAsync();
        return server;
    }

    public KubernetesClient Client(TimeProvider? time = null, TimeSpan? timeout = null, ITokenSource? tokens = null) =>
        new(new ClientConfiguration { Server = Address, Tokens = tokens, Timeout = timeout ?? TimeSpan.FromSeconds(60) }, time);

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    private async Task HandleAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body);
        var seen = new Seen(
            context.Request.Method,
            context.Request.Path.Value!,
            context.Request.QueryString.Value ?? string.Empty,
            await reader.ReadToEndAsync(),
            context.Request.ContentType,
            context.Request.Headers.Authorization);
        Requests.Enqueue(seen);
        if (Script is null || !await Script(context, seen))
        {
            await Store.HandleAsync(context, seen);
        }
    }
}

/// <summary>Ways to answer.</summary>
public static class Answers
{
    public static async Task<bool> JsonAsync(this HttpContext context, string json, int code = 200)
    {
        context.Response.StatusCode = code;
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(json);
        return true;
    }

    public static Task<bool> StatusAsync(this HttpContext context, int code, string reason, string message = "no") =>
        context.JsonAsync($$"""{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"{{message}}","reason":"{{reason}}","code":{{code}}}""", code);

    /// <summary>Writes one line of a watch and flushes it.</summary>
    public static async Task EventAsync(this HttpContext context, string type, string json)
    {
        if (!context.Response.HasStarted)
        {
            context.Response.ContentType = "application/json";
        }
        await context.Response.WriteAsync($$"""{"type":"{{type}}","object":{{json}}}""" + "\n");
        await context.Response.Body.FlushAsync();
    }

    /// <summary>Holds the connection until the client goes.</summary>
    public static async Task<bool> HoldAsync(this HttpContext context)
    {
        await context.Response.Body.FlushAsync();
        var gone = new TaskCompletionSource();
        await using var registration = context.RequestAborted.Register(() => gone.TrySetResult());
        await gone.Task;
        return true;
    }
}
