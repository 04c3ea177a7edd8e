using MedPeft.Lora.Vision;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Vision;

public class MaskedAutoencoderTests
{
    private static readonly MaskedAutoencoderConfig Small = new()
    {
        Encoder = new ViTConfig { ImageSize = 32, PatchSize = 8, EmbedDim = 48, Depth = 2, Heads = 3 },
        DecoderDim = 32,
        DecoderDepth = 1,
        DecoderHeads = 4,
    };

    [Fact]
    public void The_encoder_has_the_names_of_a_vision_transformer()
    {
        using var autoencoder = new MaskedAutoencoder(Small);
        using var vit = new VisionTransformer(Small.Encoder);

        var names = autoencoder.state_dict().Keys.ToHashSet();

        Assert.All(vit.state_dict().Keys.Where(name => !name.StartsWith("head.") && !name.StartsWith("fc_norm.")), name => Assert.Contains(name, names));
        Assert.Contains("norm.weight", names);
        Assert.Contains("decoder_pred.weight", names);
    }

    [Fact]
    public void A_blind_prediction_costs_one_and_training_lowers_it()
    {
        using var autoencoder = new MaskedAutoencoder(Small);
        // Ramps of every direction: what is hidden follows from what is seen.
        using var angle = linspace(0, 2 * Math.PI, 16).view(16, 1, 1, 1);
        using var line = linspace(-1, 1, 32);
        using var smooth = (angle.cos() * line.view(1, 1, 1, 32) + angle.sin() * line.view(1, 1, 32, 1)).expand(-1, 3, -1, -1).contiguous();
        var optimizer = optim.AdamW(autoencoder.parameters().ToList(), lr: 2e-3);
        var losses = new List<float>();
        for (var step = 0; step < 80; step++)
        {
            using var scope = NewDisposeScope();
            optimizer.zero_grad();
            var loss = autoencoder.call(smooth);
            loss.backward();
            optimizer.step();
            losses.Add(loss.item<float>());
        }

        // Patches are normalised to variance one, so that painting their mean costs about one; fresh weights add their own noise.
        Assert.InRange(losses[0], .8, 3);
        Assert.True(losses[^10..].Average() < .5 * losses[0], $"from {losses[0]} to {losses[^10..].Average()}");
    }

    [Fact]
    public void The_fixed_positions_are_not_trained()
    {
        using var autoencoder = new MaskedAutoencoder(Small);

        Assert.Equal(["pos_embed", "decoder_pos_embed"], autoencoder.named_parameters().Where(p => !p.parameter.requires_grad).Select(p => p.name));
    }
}
