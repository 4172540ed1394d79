using Chat.Cells.Protocol;
using Microsoft.Extensions.Primitives;

namespace Chat.Cells.Router.Routing;

/// <summary>Finds what a caller shows: a bearer token, or the user id of a ticket among the WebSocket subprotocols. Neither ever comes from a URL.</summary>
internal static class Credentials
{
    private const string Scheme = "Bearer ";
    private const int MaxSecretLength = 128;

    /// <summary>The bearer token; null when there is none or more than one Authorization header.</summary>
    public static string? BearerToken(IHeaderDictionary headers)
    {
        var values = headers.Authorization;
        if (values.Count != 1 || values[0] is not { } value || !value.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)) return null;
        return value[Scheme.Length..].Trim();
    }

    /// <summary>The user id of <c>ticket.{userId}.{secret}</c>; false when no well-formed ticket is offered. The secret is for the cell to judge. Allocates nothing.</summary>
    public static bool TryGetTicketUser(StringValues subprotocols, out ReadOnlySpan<char> userId)
    {
        foreach (var header in subprotocols)
        {
            var text = header.AsSpan();
            foreach (var range in text.Split(','))
            {
                var item = text[range].Trim();
                if (!item.StartsWith(ProtocolLimits.TicketSubprotocolPrefix, StringComparison.Ordinal)) continue;
                item = item[ProtocolLimits.TicketSubprotocolPrefix.Length..];
                var dot = item.LastIndexOf('.');
                if (dot < 1 || item.Length - dot - 1 is < 1 or > MaxSecretLength || !Topology.UserId.IsValid(item[..dot])) continue;
                userId = item[..dot];
                return true;
            }
        }
        userId = default;
        return false;
    }
}
