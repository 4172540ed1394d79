using System.Net;
using Yarp.ReverseProxy.Forwarder;

namespace Chat.Cells.Router.Forwarding;

/// <summary>What changes on the way: forwarding headers are ours. Everything else, Host and Origin too, goes through as it came.</summary>
internal sealed class CellTransformer : HttpTransformer
{
    public static readonly CellTransformer Instance = new();

    private static readonly string[] OwnHeaders = ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"];

    /// <summary>Removes headers by which a client could pretend to be somebody: cells ignore them, and nothing behind should ever see them.</summary>
    public static void StripForgedHeaders(IHeaderDictionary headers)
    {
        List<string>? forged = null;
        foreach (var (name, _) in headers)
        {
            if (IsForged(name)) (forged ??= []).Add(name);
        }
        foreach (var name in forged ?? []) headers.Remove(name);
    }

    public override async ValueTask TransformRequestAsync(HttpContext httpContext, HttpRequestMessage proxyRequest, string destinationPrefix, CancellationToken cancellationToken)
    {
        await base.TransformRequestAsync(httpContext, proxyRequest, destinationPrefix, cancellationToken);
        var headers = proxyRequest.Headers;
        foreach (var name in OwnHeaders) headers.Remove(name);
        if (httpContext.Connection.RemoteIpAddress is { } address) headers.TryAddWithoutValidation("X-Forwarded-For", (address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).ToString());
        headers.TryAddWithoutValidation("X-Forwarded-Proto", httpContext.Request.Scheme);
        headers.TryAddWithoutValidation("X-Forwarded-Host", httpContext.Request.Host.Value);
    }

    public override async ValueTask<bool> TransformResponseAsync(HttpContext httpContext, HttpResponseMessage? proxyResponse, CancellationToken cancellationToken)
    {
        if (proxyResponse is not null)
        {
            // Who may read the answer is the router's decision.
            foreach (var name in proxyResponse.Headers.NonValidated.Select(h => h.Key).Where(n => n.StartsWith("Access-Control-", StringComparison.OrdinalIgnoreCase)).ToArray())
                proxyResponse.Headers.Remove(name);
            if (proxyResponse.StatusCode == HttpStatusCode.SwitchingProtocols) httpContext.Features.Get<SocketStart>()?.Opened();
        }
        return await base.TransformResponseAsync(httpContext, proxyResponse, cancellationToken);
    }

    private static bool IsForged(string name) =>
        name.StartsWith("X-User", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("X-Chat", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("X-Forwarded-", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("X-Original-", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("X-Remote-", StringComparison.OrdinalIgnoreCase)
        || name.Equals("X-Real-IP", StringComparison.OrdinalIgnoreCase)
        || name.Equals("Forwarded", StringComparison.OrdinalIgnoreCase);
}

/// <summary>Told when a cell has accepted a socket.</summary>
internal sealed class SocketStart(Action opened)
{
    public void Opened() => opened();
}
