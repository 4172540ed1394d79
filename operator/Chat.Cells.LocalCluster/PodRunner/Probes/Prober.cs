using System.Globalization;
using System.Net.Sockets;
using Chat.Cells.Http;
using Chat.Cells.LocalCluster.PodRunner.Spec;

namespace Chat.Cells.LocalCluster.PodRunner.Probes;

/// <summary>One answer of a container to one probe.</summary>
/// <param name="Success">Whether it counts as healthy.</param>
/// <param name="Message">Why not, for the pod's events.</param>
public sealed record ProbeResult(bool Success, string Message);

/// <summary>Asks a container how it is: HTTP GET (200 to 399 is healthy) or a TCP connect.</summary>
public sealed class Prober : IDisposable
{
    private readonly HttpClient http = new(new ConnectionErrorHandler(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        UseProxy = false,
        PooledConnectionLifetime = TimeSpan.Zero, // a kubelet probes on a new connection each time, and so finds a server that no longer accepts
        SslOptions = { RemoteCertificateValidationCallback = (_, _, _, _) => true }, // as a kubelet: the probe asks for life, not for identity
    }))
    {
        Timeout = Timeout.InfiniteTimeSpan,
        MaxResponseContentBufferSize = 64 * 1024,
    };

    /// <summary>Runs the probe once; never throws for what the container does.</summary>
    public async Task<ProbeResult> ProbeAsync(ProbeSpec probe, string podIP, IReadOnlyList<ContainerPortSpec>? ports, TimeProvider time, CancellationToken cancellationToken)
    {
        var limit = TimeSpan.FromSeconds(probe.TimeoutSeconds is > 0 and var seconds ? seconds : 1);
        using var timeout = new CancellationTokenSource(limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            return probe.HttpGet is { } get
                ? await HttpGetAsync(get, podIP, ports, either.Token)
                : await TcpAsync(probe.TcpSocket!, podIP, ports, either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new ProbeResult(false, string.Create(CultureInfo.InvariantCulture, $"no answer within {limit.TotalSeconds:0} s"));
        }
        catch (Exception e) when (e is HttpRequestException or SocketException or IOException or UriFormatException or ArgumentException)
        {
            return new ProbeResult(false, e.Message);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => http.Dispose();

    private async Task<ProbeResult> HttpGetAsync(HttpGetSpec get, string podIP, IReadOnlyList<ContainerPortSpec>? ports, CancellationToken cancellationToken)
    {
        if (PortReference.Resolve(get.Port, ports) is not { } port)
        {
            return new ProbeResult(false, $"the probe's port {get.Port} is not a port of the container");
        }

        var scheme = string.Equals(get.Scheme, "HTTPS", StringComparison.OrdinalIgnoreCase) ? "https" : "http";
        var path = get.Path is { Length: > 0 } given ? given.StartsWith('/') ? given : "/" + given : "/";
        var uri = new Uri(string.Create(CultureInfo.InvariantCulture, $"{scheme}://{(string.IsNullOrEmpty(get.Host) ? podIP : get.Host)}:{port}{path}"));
        using var request = new HttpRequestMessage(HttpMethod.Get, uri);
        request.Headers.TryAddWithoutValidation("User-Agent", "kube-probe/1.32");
        request.Headers.TryAddWithoutValidation("Accept", "*/*");
        foreach (var header in get.HttpHeaders ?? [])
        {
            request.Headers.TryAddWithoutValidation(header.Name, header.Value);
        }

        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        var status = (int)response.StatusCode;
        return status is >= 200 and < 400
            ? new ProbeResult(true, "")
            : new ProbeResult(false, string.Create(CultureInfo.InvariantCulture, $"HTTP probe failed with statuscode: {status}"));
    }

    private static async Task<ProbeResult> TcpAsync(TcpSocketSpec tcp, string podIP, IReadOnlyList<ContainerPortSpec>? ports, CancellationToken cancellationToken)
    {
        if (PortReference.Resolve(tcp.Port, ports) is not { } port)
        {
            return new ProbeResult(false, $"the probe's port {tcp.Port} is not a port of the container");
        }

        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(string.IsNullOrEmpty(tcp.Host) ? podIP : tcp.Host, port, cancellationToken);
        return new ProbeResult(true, "");
    }
}
