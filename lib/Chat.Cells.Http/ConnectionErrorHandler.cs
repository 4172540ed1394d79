using System.Net.Sockets;

namespace Chat.Cells.Http;

/// <summary>
/// Keeps the promise of <see cref="HttpClient"/> that a request which could not be sent ends in <see cref="HttpRequestException"/>.
/// <see cref="SocketsHttpHandler"/> breaks it: it asks a new connection for its remote address, and where the peer has reset that connection by then,
/// the question's <see cref="SocketException"/> comes out bare.
/// </summary>
/// <param name="connections">What makes the connections. Disposed with this handler.</param>
public sealed class ConnectionErrorHandler(HttpMessageHandler connections) : DelegatingHandler(connections)
{
    /// <inheritdoc/>
    /// <exception cref="HttpRequestException">No answer: the server can't be reached, or the connection broke.</exception>
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        try
        {
            return await base.SendAsync(request, cancellationToken);
        }
        catch (SocketException e)
        {
            throw new HttpRequestException(HttpRequestError.ConnectionError, $"{e.Message} ({request.RequestUri?.Authority})", e);
        }
    }
}
