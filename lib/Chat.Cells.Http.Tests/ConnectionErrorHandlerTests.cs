using System.Net;
using System.Net.Sockets;

namespace Chat.Cells.Http.Tests;

public sealed class ConnectionErrorHandlerTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Send_EveryConnectionIsResetAtOnce_EndsInHttpRequestException()
    {
        using var limit = new CancellationTokenSource(Patience);
        using var stopped = new CancellationTokenSource();
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var resetting = ResetAllAsync(listener, stopped.Token);
        using var http = new HttpClient(new ConnectionErrorHandler(new SocketsHttpHandler()));
        var resets = 0;
        for (var i = 0; i < 500; i++)
        {
            var e = await Assert.ThrowsAsync<HttpRequestException>(() => http.GetAsync(new Uri($"http://{listener.LocalEndpoint}/"), limit.Token));
            if (e.InnerException is SocketException) resets++;
        }
        await stopped.CancelAsync();
        await resetting;
        Assert.NotEqual(0, resets);
    }

    [Fact]
    public async Task Send_HandlerThrowsSocketException_IsConnectionErrorThatNamesTheServer()
    {
        using var http = new HttpClient(new ConnectionErrorHandler(new Scripted(() => throw new SocketException((int)SocketError.ConnectionReset))));
        var e = await Assert.ThrowsAsync<HttpRequestException>(() => http.GetAsync(new Uri("http://cell.test:8081/healthz?secret=no")));
        Assert.Equal(HttpRequestError.ConnectionError, e.HttpRequestError);
        Assert.IsType<SocketException>(e.InnerException);
        Assert.Contains("cell.test:8081", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Send_HandlerThrowsSomethingElse_PassesUnchanged()
    {
        var defect = new InvalidOperationException("a defect");
        using var http = new HttpClient(new ConnectionErrorHandler(new Scripted(() => throw defect)));
        Assert.Same(defect, await Assert.ThrowsAsync<InvalidOperationException>(() => http.GetAsync(new Uri("http://cell.test/"))));
    }

    [Fact]
    public async Task Send_Answered_GivesTheAnswer()
    {
        using var http = new HttpClient(new ConnectionErrorHandler(new Scripted(() => new HttpResponseMessage(HttpStatusCode.Accepted))));
        using var answer = await http.GetAsync(new Uri("http://cell.test/"));
        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
    }

    private static async Task ResetAllAsync(TcpListener listener, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                using var socket = await listener.AcceptSocketAsync(cancellationToken);
                socket.LingerState = new LingerOption(true, 0);
            }
        }
        catch (OperationCanceledException)
        {
            Assert.True(cancellationToken.IsCancellationRequested);
        }
    }

    private sealed class Scripted(Func<HttpResponseMessage> answer) : HttpMessageHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            await Task.Yield();
            return answer();
        }
    }
}
