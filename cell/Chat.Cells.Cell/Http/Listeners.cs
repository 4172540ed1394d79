using Chat.Cells.Protocol;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Chat.Cells.Cell.Http;

/// <summary>The two listeners of a cell. What is mapped for one never answers on the other, whatever the Host header says.</summary>
public enum Listener
{
    Public,
    Internal,

    /// <summary>For endpoints only: answers on both.</summary>
    Both,
}

/// <summary>Marks connections and endpoints with their listener, and keeps the two apart.</summary>
public static class ListenerSeparation
{
    /// <summary>Marks every connection of this listener.</summary>
    public static void Mark(this ListenOptions options, Listener listener)
    {
        var feature = new ListenerFeature(listener);
        options.Use(next => connection =>
        {
            connection.Features.Set(feature);
            return next(connection);
        });
    }

    /// <summary>Endpoints of this builder answer only on one listener.</summary>
    public static TBuilder OnListener<TBuilder>(this TBuilder builder, Listener listener)
        where TBuilder : IEndpointConventionBuilder =>
        builder.WithMetadata(new ListenerMetadata(listener));

    /// <summary>The listener that a request came in by.</summary>
    public static Listener? ListenerOf(this HttpContext context) => context.Features.Get<ListenerFeature>()?.Listener;

    /// <summary>After routing: 404 for an endpoint of the other listener, and for one that isn't marked.</summary>
    public static IApplicationBuilder UseListenerSeparation(this IApplicationBuilder app) => app.Use((context, next) =>
    {
        var wanted = context.GetEndpoint()?.Metadata.GetMetadata<ListenerMetadata>()?.Listener;
        var here = context.ListenerOf();
        return here is not null && (wanted == here || wanted == Listener.Both)
            ? next(context)
            : Problems.WriteAsync(context, StatusCodes.Status404NotFound, ErrorCodes.NotFound, "There is nothing here.");
    });

    private sealed record ListenerFeature(Listener Listener);

    private sealed record ListenerMetadata(Listener Listener);
}
