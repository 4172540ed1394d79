using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Chat.Cells.Cell.Engines.Redis;

/// <summary>Asks a server over a connection of its own whether it takes the password, since the client says a refusal no other way than a lost connection.</summary>
internal static class PasswordCheck
{
    /// <summary>True: taken; false: refused, or one is wanted; null: the server can't be asked now.</summary>
    /// <exception cref="System.Security.Authentication.AuthenticationException">No TLS, or not one of the authorities'.</exception>
    public static async Task<bool?> AskAsync(string endpoint, string? password, X509Certificate2Collection? authorities, TimeSpan timeout)
    {
        using var bound = new CancellationTokenSource(timeout);
        try
        {
            var colon = endpoint.LastIndexOf(':');
            using var client = new TcpClient();
            await client.ConnectAsync(endpoint[..colon].Trim('[', ']'), int.Parse(endpoint.AsSpan(colon + 1), System.Globalization.CultureInfo.InvariantCulture), bound.Token);
            await using var stream = await SecureAsync(client.GetStream(), endpoint[..colon], authorities, bound.Token);
            var auth = password is null ? "" : $"*2\r\n$4\r\nAUTH\r\n${Encoding.UTF8.GetByteCount(password)}\r\n{password}\r\n";
            // ECHO and not PING: its answer is ours, and comes after AUTH's.
            await stream.WriteAsync(Encoding.UTF8.GetBytes(auth + "*2\r\n$4\r\nECHO\r\n$5\r\nready\r\n"), bound.Token);
            var answer = "";
            var buffer = new byte[1024];
            while (true)
            {
                var read = await stream.ReadAsync(buffer, bound.Token);
                if (read == 0) return null;
                answer += Encoding.UTF8.GetString(buffer, 0, read);
                if (answer.Contains("NOAUTH", StringComparison.Ordinal) || answer.Contains("WRONGPASS", StringComparison.Ordinal)) return false;
                if (answer.Contains("ready", StringComparison.Ordinal)) return true;
            }
        }
        catch (Exception e) when (e is SocketException or IOException or OperationCanceledException)
        {
            return null;
        }
    }

    private static async Task<Stream> SecureAsync(NetworkStream stream, string host, X509Certificate2Collection? authorities, CancellationToken cancellationToken)
    {
        if (authorities is null) return stream;
        var secured = new SslStream(stream);
        try
        {
            var options = CertificateTrust.In(authorities);
            options.TargetHost = host;
            await secured.AuthenticateAsClientAsync(options, cancellationToken);
            return secured;
        }
        catch (Exception)
        {
            await secured.DisposeAsync();
            throw;
        }
    }
}
