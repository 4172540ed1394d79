using System.Net;
using Cassandra.Protocol;

namespace Cassandra.Connections;

/// <summary>STARTUP and, if asked, PasswordAuthenticator (specification, section 4.1.1): one message at a time, before requests may overlap.</summary>
internal sealed class Handshake(IPEndPoint host, ConnectionSettings settings, Stream stream, FrameReader reader)
{
    /// <exception cref="UnsupportedVersionException">The server speaks an older protocol.</exception>
    /// <exception cref="AuthenticationException">Wrong credentials.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var (header, body) = await ExchangeAsync(Requests.Startup(settings.ClientName), anyVersion: true, cancellationToken);
        if (header.Opcode == Opcode.Error)
        {
            var error = ServerErrors.Read(Body(header, body));
            // The answer to an unknown version is an ERROR in a version of the server's own; one that has it as a beta answers in ours.
            throw header.Version != settings.Version || (error is ProtocolErrorException && settings.Version > 4) ? new UnsupportedVersionException(settings.Version, error.Message) : error;
        }
        if (header.Version != settings.Version) throw new UnsupportedVersionException(settings.Version);

        // From here on, v5 wraps both directions in segments; the answer to STARTUP is the last bare one.
        reader.Segmented = settings.Version >= 5;
        if (header.Opcode == Opcode.Ready) return;
        if (header.Opcode != Opcode.Authenticate) throw new DriverInternalError($"The server answered STARTUP with {header.Opcode}.");
        if (settings.Credentials() is not { } credentials) throw new AuthenticationException($"{host} asks for credentials, and none are configured.");

        (header, body) = await ExchangeAsync(Requests.AuthResponse(credentials.UserName, credentials.Password), anyVersion: false, cancellationToken);
        if (header.Opcode == Opcode.Error) throw ServerErrors.Read(Body(header, body));
        if (header.Opcode != Opcode.AuthSuccess) throw new AuthenticationException($"{host} wants another kind of authentication than user name and password.");
    }

    private async Task<(FrameHeader Header, byte[] Body)> ExchangeAsync(Request request, bool anyVersion, CancellationToken cancellationToken)
    {
        await stream.WriteAsync(Frames.Encode(settings.Version, 0, request, reader.Segmented), cancellationToken);
        await stream.FlushAsync(cancellationToken);
        var (header, body) = await reader.ReadAsync(cancellationToken);
        if (!header.IsResponse || header.Stream != 0 || (!anyVersion && header.Version != settings.Version))
        {
            throw new DriverInternalError($"The server's answer to {request.Opcode} is no answer: version {header.Version}, stream {header.Stream}.");
        }
        return (header, body);
    }

    private static BodyReader Body(FrameHeader header, byte[] body) => new(Frames.Content(header.Flags, body));
}
