using MedPeft.Lora.Tests.Injection;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Guides;

/// <summary>The code of docs/methods.md.</summary>
public class MethodsGuide
{
    [Fact]
    public void A_loop_of_its_own_adds_the_penalty_and_tells_of_each_step()
    {
        using var model = SelectionTests.Transformer();
        var adapter = model.InjectAdapter(new AdaLoraConfig { InitialRank = 4, TargetRank = 2 });
        using var images = randn(2, 5, 8);
        using var optimizer = optim.AdamW(adapter.TrainableParameters().Select(entry => entry.Parameter).ToList(), .01);
        const int steps = 4;
        for (var step = 1; step <= steps; step++)
        {
            using var loss = model.call(images).square().mean();
            #region own-loop
            using var penalty = adapter.Penalty();              // null but for AdaLoRA
            (penalty is null ? loss : loss + penalty).backward();
            optimizer.step();
            adapter.AfterStep(step, steps);                     // step counts from 1; the gradients must still be there
            optimizer.zero_grad();
            #endregion
        }

        Assert.Equal(4, adapter.Layers.Sum(layer => adapter.Layer<AdaLoraLinear>(layer.Path).ActiveRank));
    }
}
